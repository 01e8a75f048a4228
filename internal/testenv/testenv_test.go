package testenv

import (
	"crypto/aes"
	"crypto/cipher"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder records how a test with a missing program ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.ended = "skipped"; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.ended = "failed"; runtime.Goexit() }

func TestMissing_SkipsOrFails(t *testing.T) {
	for require, want := range map[string]string{
		"":             "skipped",
		"vectors":      "skipped",
		"node":         "failed",
		"vectors,node": "failed",
		"nodejs":       "skipped",
	} {
		t.Setenv("CHATIDENT_REQUIRE", require)
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			missing(r, "node", "")
		}()
		<-done
		assert.Equal(t, want, r.ended, require)
	}
}

// These types leak their key, so Keyless must be able to fail.
func TestRender_ShowsKey(t *testing.T) {
	key := []byte("0123456789abcdef")
	type leaky struct{ key []byte }
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	for name, v := range map[string]any{
		"slice":          struct{ key []byte }{key},
		"pointer":        &leaky{key},
		"nested pointer": struct{ p *leaky }{&leaky{key}},
		"string":         leakyString{string(key)},
		"cipher":         struct{ a cipher.Block }{block},
		"AEAD":           &struct{ a cipher.AEAD }{aead},
	} {
		text := strings.ToLower(render(t, v))
		found := slices.ContainsFunc(forms(key), func(form string) bool { return strings.Contains(text, strings.ToLower(form)) })
		assert.True(t, found, "%s: %s", name, text)
	}
}

type leakyString struct{ key string }

func (leakyString) String() string { return "[redacted]" }
