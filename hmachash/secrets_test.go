package hmachash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestHasher_SecretIsPrintedByNothing(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	h, err := New(secret, &Options{Previous: []string{"an older secret"}})
	require.NoError(t, err)
	a, err := NewAinisa(secret, nil)
	require.NoError(t, err)
	b, err := NewBookbag(secret, nil)
	require.NoError(t, err)
	ai, err := a.Identify(AinisaUser{ID: "1"})
	require.NoError(t, err)
	bi, err := b.Identify(BookbagUser{ID: "1"})
	require.NoError(t, err)
	action, err := a.Action("X-Api-Key", secret, greet, nil)
	require.NoError(t, err)
	require.True(t, h.Verify("1", ai.UserHash), "a state is in the pool")

	w, err := NewBookbagWebhooks(secret, &WebhookOptions{Previous: []string{secret}})
	require.NoError(t, err)
	webhook, err := w.Handler(greet)
	require.NoError(t, err)
	for name, v := range map[string]any{"Hasher": h, "Ainisa": a, "Bookbag": b, "BookbagWebhooks": w} {
		t.Run(name, func(t *testing.T) { testenv.Redacted(t, []byte(secret), v) })
	}
	for name, v := range map[string]any{
		"Action":          struct{ h any }{action},
		"Webhook":         struct{ h any }{webhook},
		"Handler":         struct{ h any }{a.Handler(func(*http.Request) (AinisaUser, error) { return AinisaUser{}, nil }, nil)},
		"ActionOptions":   &ActionOptions{Anonymous: true},
		"HandlerOptions":  &HandlerOptions{Path: "/who"},
		"PanicError":      &PanicError{Type: "string"},
		"BookbagEvent":    BookbagEvent{Name: "lead.created"},
		"AinisaUser":      AinisaUser{ID: "1"},
		"AinisaIdentity":  ai,
		"BookbagUser":     BookbagUser{ID: "1"},
		"BookbagIdentity": bi,
		"FieldError":      &FieldError{"secret", "must not be empty"},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, []byte(secret), v) })
	}

	// The caller's own strings are open in Options.Previous, so nothing hides
	// them from a printer that calls no methods; all others print [redacted].
	for _, o := range []any{Options{Previous: []string{secret}}, WebhookOptions{Previous: []string{secret}}} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("text", "o", o)
		j, err := json.Marshal(map[string]any{"o": &o})
		require.NoError(t, err)
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", o, &o, o, o, []any{o}), log.String(), string(j)} {
			require.Contains(t, text, "[redacted]")
			testenv.NoKey(t, []byte(secret), text)
		}
	}

	_, err = NewAinisa(secret+"\n", nil)
	require.Error(t, err)
	testenv.NoKey(t, []byte(secret), err.Error())
}
