package usechat

import (
	"testing"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opener opens a chat of a visitor with one major of the AI SDK, in Node or in Chromium.
type opener func(t *testing.T, s *site, body, visitor string) chat

// everywhere runs a test with each major of the AI SDK, in Node and in Chromium.
func everywhere(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("Node", func(t *testing.T) {
		for _, major := range majors {
			t.Run(major, func(t *testing.T) {
				test(t, func(t *testing.T, s *site, body, visitor string) chat {
					return newNodeChat(t, s, setting{major, body, visitor})
				})
			})
		}
	})
	t.Run("Chromium", func(t *testing.T) {
		b := browser.New(t)
		for _, major := range majors {
			t.Run(major, func(t *testing.T) {
				test(t, func(t *testing.T, s *site, body, visitor string) chat {
					return newBrowserChat(t, b, s, setting{major, body, visitor})
				})
			})
		}
	})
}

// One conversation goes on, and the page draws the text of each message.
func TestUseChat_Conversation(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t, chattest.Options{})
		c := open(t, s, "all", "ada")
		require.Nil(t, send(c, "one").Error)
		second := send(c, "two")
		require.Nil(t, second.Error)
		assert.Equal(t, "You said: two", second.last().Text)
		require.Len(t, s.doneTurns(), 2)
		assert.Equal(t, s.doneTurns()[0].ConversationID, s.doneTurns()[1].ConversationID)
		if page, ok := c.(browserChat); ok {
			page.WaitFor(`[...document.querySelectorAll("li")].map((li) => li.className + " " + li.textContent).join() ===
				"user one,assistant You said: one,user two,assistant You said: two"`)
			page.RequireQuietConsole()
		}
	})
}
