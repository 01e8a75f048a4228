package identity

import (
	"net/http"
	"testing"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestKey_IsPrintedByNothing(t *testing.T) {
	key := testKey(t)
	m, o := newTestMinter(t, nil), newTestOpener(t)
	token, err := m.Mint(full())
	require.NoError(t, err)
	opened, err := o.Open(token)
	require.NoError(t, err)

	for name, v := range map[string]any{"Key": key, "*Key": &key, "Minter": m, "Opener": o} {
		t.Run(name, func(t *testing.T) { testenv.Redacted(t, key.reveal(), v) })
	}
	for name, v := range map[string]any{
		"Handler":        Handler(m, nobody, nil),
		"Options":        &Options{TTL: time.Hour},
		"HandlerOptions": &HandlerOptions{OnError: func(*http.Request, error) {}},
		"Payload":        full(),
		"UserDetail":     full().User,
		"Integrations":   full().Integrations,
		"Opened":         opened,
		"FieldError":     &FieldError{"key", "must not be empty"},
		"PanicError":     &PanicError{Type: "string"},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, key.reveal(), v) })
	}
}

func TestFieldError_HoldsNoTokenAndNoKey(t *testing.T) {
	token, err := newTestMinter(t, nil).Mint(full())
	require.NoError(t, err)
	_, err = newTestOpener(t).Open(token + "x")
	require.Error(t, err)
	require.NotContains(t, err.Error(), token[:40])
	_, err = ParseKey(testKeyHex + "0")
	require.Error(t, err)
	testenv.NoKey(t, testKey(t).reveal(), err.Error())
}
