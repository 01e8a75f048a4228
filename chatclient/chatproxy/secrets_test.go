package chatproxy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/chatident/chatident/internal/testenv"
)

func TestProxy_PrintsNoSecret(t *testing.T) {
	const previous = "fedcba9876543210fedcba9876543210"
	options := &Options{Previous: []string{previous}}
	e := newSite(t, setup{proxy: options})
	for _, secret := range []string{testSecret, previous, testKey} {
		testenv.Redacted(t, []byte(secret), e.proxy)
	}
	assert.Equal(t, "[redacted]", fmt.Sprintf("%+v", options))

	_, err := New(e.proxy.bot, previous[:31], byHeader, nil)
	testenv.NoKey(t, []byte(previous[:31]), err.Error())
}

// A ticket is readable, and has nothing of the secret or the session in it.
func TestTicket_HoldsNoSecret(t *testing.T) {
	own := newTestTickets(t, 123, testSecret)
	ticket := own.conversation(subject{"session", "the-session-of-ada"}, "456")
	testenv.NoKey(t, []byte(testSecret), ticket)
	testenv.NoKey(t, []byte("the-session-of-ada"), ticket)
}
