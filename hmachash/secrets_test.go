package hmachash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestNothingPrintsTheSecret(t *testing.T) {
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
	action, err := a.Action("X-Api-Key", secret, greet)
	require.NoError(t, err)
	require.True(t, h.Verify("1", ai.UserHash), "a state is in the pool")

	for name, v := range map[string]any{"Hasher": h, "Ainisa": a, "Bookbag": b} {
		t.Run(name, func(t *testing.T) { testenv.Redacted(t, []byte(secret), v) })
	}
	for name, v := range map[string]any{
		"Action":          struct{ h any }{action},
		"AinisaUser":      AinisaUser{ID: "1"},
		"AinisaIdentity":  ai,
		"BookbagUser":     BookbagUser{ID: "1"},
		"BookbagIdentity": bi,
		"FieldError":      &FieldError{"secret", "must not be empty"},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, []byte(secret), v) })
	}

	// The caller's own strings stand open in Options.Previous, so nothing hides
	// them from a printer that calls no methods; all others are told.
	o := Options{Previous: []string{secret}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("text", "o", o)
	j, err := json.Marshal(map[string]any{"o": &o})
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", o, &o, o, o, []Options{o}), log.String(), string(j)} {
		require.Contains(t, text, "[redacted]")
		testenv.NoKey(t, []byte(secret), text)
	}

	_, err = NewAinisa(secret+"\n", nil)
	require.Error(t, err)
	testenv.NoKey(t, []byte(secret), err.Error())
}
