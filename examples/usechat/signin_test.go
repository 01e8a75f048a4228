package usechat

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A visitor signs in during a chat, in the same page, and the chat continues. Afterwards,
// neither the earlier session nor the next user can read it.
func TestUseChat_SignInDuringAChat(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, body := range []string{"all", "message", "id"} {
			t.Run(body, func(t *testing.T) {
				s := newSite(t)
				c := open(t, s, body, anonymous)
				require.Nil(t, send(c, "one").Error)
				before := send(c, "two")
				require.Nil(t, before.Error)
				s.signIn(customer)
				after := send(c, "three")
				require.Nil(t, after.Error)
				assert.Equal(t, "You said: three", after.last().Text)
				assert.NotEqual(t, before.last().Metadata.Conversation, after.last().Metadata.Conversation, "it is the user's ticket")
				again := c.do(step{Action: "regenerate"})
				require.Nil(t, again.Error)
				assert.Equal(t, [][]string{{"one", "two", "three"}}, s.said(t))

				s.signIn("") // out again, with the earlier session
				assert.Equal(t, "conversation_not_found", send(c, "still here?").code())
				s.signIn("grace")
				if got := send(c, "next"); body != "id" { // else the chat has begun anew
					assert.Equal(t, "conversation_not_found", got.code())
				}
				assert.Contains(t, s.said(t), []string{"one", "two", "three"})
				assert.Empty(t, s.reported())
			})
		}
	})
}

// A visitor signs in while the first reply of the chat is on its way.
func TestUseChat_SignInDuringTheFirstReply(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		s := newSite(t)
		c := open(t, s, "all", anonymous)
		release := s.hold(t, 1)
		c.do(step{Action: "send", Argument: "one", Begin: true})
		waitFor(t, c, func(s state) bool { return s.last().Text == "You " })
		s.signIn(customer)
		c.do(step{Action: "disconnect"})
		release()
		got := send(c, "two")
		require.Nil(t, got.Error)
		assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
		assert.Empty(t, s.reported())
	})
}
