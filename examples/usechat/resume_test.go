package usechat

import (
	"testing"

	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The visitor leaves the page during a reply, and the next page shows the reply from its first
// word. In Chromium, the option resume does this.
func TestUseChat_Resume(t *testing.T) {
	everywhere(t, func(t *testing.T, open opener) {
		for _, who := range []string{customer, anonymous} {
			t.Run(who, func(t *testing.T) {
				s := newSiteWith(t, &chatproxy.Options{KeepReplies: true})
				c := open(t, s, "resume", who)
				release := s.hold(t, 1)
				c.do(step{Action: "send", Argument: "one", Begin: true})
				waitFor(t, c, func(now state) bool { return now.last().Text == "You " })
				c.do(step{Action: "disconnect"})

				assert.Empty(t, resume(open(t, s, "resume", "grace")).Messages, "another visitor's")
				c = open(t, s, "resume", who)
				resume(c)
				waitFor(t, c, func(now state) bool { return now.last().Text == "You " })
				release()
				now := waitFor(t, c, func(now state) bool { return now.last().Text == "You said: one" && now.Status == "ready" })
				assert.Len(t, now.Messages, 1, "the reply")
				assert.NotEmpty(t, now.last().Metadata.Conversation)
				if who == customer {
					assert.Len(t, s.history(t, now.last().Metadata.Conversation), 2)
				}

				c = open(t, s, "resume", who)
				resume(c)
				now = waitFor(t, c, func(now state) bool { return now.Status == "ready" })
				assert.Empty(t, now.Messages, "nothing to resume")
				second := send(c, "two")
				require.Nil(t, second.Error)
				assert.Equal(t, "You said: two", second.last().Text)
				assert.Equal(t, [][]string{{"one", "two"}}, s.said(t))
				assert.Empty(t, s.reported())
			})
		}
	})
}

// resume resumes where the hook does not.
func resume(c chat) state {
	if _, ok := c.(nodeChat); ok {
		return c.do(step{Action: "resume", Begin: true})
	}
	return c.do(step{})
}

// A page that loses its connection and has it back picks the reply up where it is. The hook
// of versions 5 and 6 appends the replay to what it has.
func TestUseChat_ResumeInTheSamePage(t *testing.T) {
	b := browser.New(t)
	for _, major := range majors[2:] {
		t.Run(major, func(t *testing.T) {
			s := newSiteWith(t, &chatproxy.Options{KeepReplies: true})
			c := openTab(t, b, s, major, "resume", customer)
			release := s.hold(t, 2)
			c.do(step{Action: "send", Argument: "one", Begin: true})
			waitFor(t, c, func(now state) bool { return now.last().Text == "You said: " })
			s.cut()
			require.NotNil(t, c.do(step{Action: "wait"}).Error)
			c.do(step{Action: "resume", Begin: true})
			waitForAny(t, c, func(now state) bool { return now.Status != "error" }) // the server has found the reply
			release()
			now := waitFor(t, c, func(now state) bool { return now.last().Text == "You said: one" && now.Status == "ready" })
			assert.Len(t, now.Messages, 2)
			assert.Equal(t, [][]string{{"one"}}, s.said(t))
			assert.Empty(t, s.reported())
		})
	}
}
