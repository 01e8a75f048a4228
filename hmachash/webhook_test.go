package hmachash

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const webhookSecret = "the secret of the webhook"

func newWebhooks(t testing.TB, options *WebhookOptions) *BookbagWebhooks {
	t.Helper()
	b, err := NewBookbagWebhooks(webhookSecret, options)
	require.NoError(t, err)
	return b
}

func eventAt(at time.Time) string {
	return fmt.Sprintf(`{"event":"lead.created","data":{"email":"ada@example.com"},"ts":%d}`, at.UnixMilli())
}

func digestOf(secret, body string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

func hexOf(secret, body string) string { return "sha256=" + hex.EncodeToString(digestOf(secret, body)) }

// post sends a body with its signatures, and returns the response and why it was rejected.
func post(t *testing.T, b *BookbagWebhooks, body io.Reader, signatures ...string) (w *httptest.ResponseRecorder, reason error) {
	t.Helper()
	b.options.OnReject = func(_ *http.Request, err error) { reason = err }
	h, err := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, ok := Event(r.Context())
		assert.True(t, ok)
		again, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		fmt.Fprintf(w, "%s %s %d %d", event.Name, event.Data, event.Time.UnixMilli(), len(again))
	}))
	require.NoError(t, err)
	r := httptest.NewRequest("POST", "/bookbag", body)
	r.Header["X-Bookbag-Signature"] = signatures
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	if w.Code != 200 {
		assert.Equal(t, 401, w.Code)
		assert.Equal(t, `{"error":"the event could not be verified"}`+"\n", w.Body.String())
	}
	return w, reason
}

func TestBookbagWebhooks_Handler(t *testing.T) {
	b := newWebhooks(t, &WebhookOptions{Previous: []string{"the old secret, long"}})
	body := eventAt(time.Now())
	base64Of := "sha256=" + base64.StdEncoding.EncodeToString(digestOf(webhookSecret, body))
	for _, signature := range []string{
		hexOf(webhookSecret, body), "sha256=" + strings.ToUpper(hex.EncodeToString(digestOf(webhookSecret, body))), base64Of, hexOf("the old secret, long", body), b.Sign([]byte(body)),
	} {
		w, reason := post(t, b, strings.NewReader(body), signature)
		require.NoError(t, reason)
		assert.Equal(t, fmt.Sprintf(`lead.created {"email":"ada@example.com"} %s %d`, body[strings.LastIndex(body, ":")+1:len(body)-1], len(body)), w.Body.String())
	}
	good := hexOf(webhookSecret, body)
	for name, test := range map[string]struct {
		signatures []string
		want       error
	}{
		"none":             {nil, ErrNoSignature},
		"empty":            {[]string{""}, ErrNoSignature},
		"two":              {[]string{good, good}, ErrNoSignature},
		"joined":           {[]string{good + "," + good}, ErrNoSignature},
		"no prefix":        {[]string{good[7:]}, ErrNoSignature},
		"upper-case name":  {[]string{"SHA256=" + good[7:]}, ErrNoSignature},
		"sha1":             {[]string{"sha1=" + good[7:]}, ErrNoSignature},
		"63 digits":        {[]string{good[:70]}, ErrNoSignature},
		"62 digits":        {[]string{good[:69]}, ErrNoSignature},
		"66 digits":        {[]string{good + "00"}, ErrNoSignature},
		"44 digits":        {[]string{good[:51]}, ErrNoSignature},
		"not hex":          {[]string{"sha256=" + strings.Repeat("g", 64)}, ErrNoSignature},
		"space":            {[]string{"sha256= " + good[8:]}, ErrNoSignature},
		"base64, no =":     {[]string{strings.TrimRight(base64Of, "=")}, ErrNoSignature},
		"base64, line end": {[]string{base64Of[:20] + "\n" + base64Of[20:]}, ErrNoSignature},
		"base64, bits":     {[]string{base64Of[:len(base64Of)-2] + strings.Map(nextLetter, base64Of[len(base64Of)-2:])}, ErrNoSignature},
		"another secret":   {[]string{hexOf("another secret, long", body)}, ErrWrongSignature},
		"another body":     {[]string{hexOf(webhookSecret, body+" ")}, ErrWrongSignature},
		"one digit":        {[]string{good[:70] + otherDigit(good[70:])}, ErrWrongSignature},
	} {
		t.Run(name, func(t *testing.T) {
			_, reason := post(t, b, strings.NewReader(body), test.signatures...)
			assert.ErrorIs(t, reason, test.want)
			if len(test.signatures) != 1 {
				assert.ErrorContains(t, reason, fmt.Sprintf("expected one header X-Bookbag-Signature that is not empty, got %d headers", len(test.signatures)))
			}
		})
	}
}

func otherDigit(digit string) string {
	if digit == "0" {
		return "1"
	}
	return "0"
}

// nextLetter changes bits of the last letter that are no part of the digest.
func nextLetter(r rune) rune {
	if r == '=' {
		return r
	}
	return r + 1
}

// What is in the body counts only once its signature is right.
func TestBookbagWebhooks_Events(t *testing.T) {
	b := newWebhooks(t, nil)
	ts := time.Now().UnixMilli()
	for _, body := range []string{
		"", "null", "[]", "{", `"a"`, `{}`, `{"event":"a"}`, fmt.Sprintf(`{"ts":%d}`, ts), fmt.Sprintf(`{"event":"","ts":%d}`, ts), fmt.Sprintf(`{"event":1,"ts":%d}`, ts),
		fmt.Sprintf(`{"event":"a","ts":"%d"}`, ts), fmt.Sprintf(`{"event":"a","ts":%d.5}`, ts), `{"event":"a","ts":0}`, `{"event":"a","ts":-1}`, `{"event":"a","ts":1e99}`, fmt.Sprintf(`{"event":"a","ts":%d}{}`, ts),
	} {
		_, reason := post(t, b, strings.NewReader(body), b.Sign([]byte(body)))
		assert.ErrorIs(t, reason, ErrInvalidEvent, body)
		_, reason = post(t, b, strings.NewReader(body), hexOf("another secret, long", body))
		assert.ErrorIs(t, reason, ErrWrongSignature, body)
	}
	body := fmt.Sprintf(`{"event":"a","ts":%d}`, ts)
	w, reason := post(t, b, strings.NewReader(body), b.Sign([]byte(body)))
	require.NoError(t, reason)
	assert.Equal(t, 200, w.Code, "without data")
}

func TestBookbagWebhooks_Window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for window, b := range map[time.Duration]*BookbagWebhooks{5 * time.Minute: newWebhooks(t, nil), time.Second: newWebhooks(t, &WebhookOptions{Window: time.Second})} {
			for offset, want := range map[time.Duration]error{
				0: nil, window: nil, -window: nil, window + time.Millisecond: ErrOutsideWindow, -window - time.Millisecond: ErrOutsideWindow, -24 * 365 * time.Hour: ErrOutsideWindow,
			} {
				body := eventAt(time.Now().Add(offset))
				_, reason := post(t, b, strings.NewReader(body), b.Sign([]byte(body)))
				assert.ErrorIs(t, reason, want, offset)
			}
		}
	})
}

func TestBookbagWebhooks_Body(t *testing.T) {
	b := newWebhooks(t, &WebhookOptions{MaxBody: 200})
	body := eventAt(time.Now())
	body += strings.Repeat(" ", 200-len(body))
	_, reason := post(t, b, strings.NewReader(body), b.Sign([]byte(body)))
	assert.NoError(t, reason)
	_, reason = post(t, b, strings.NewReader(body+" "), b.Sign([]byte(body+" ")))
	assert.ErrorIs(t, reason, ErrBody)
	_, reason = post(t, b, iotest.ErrReader(errors.New("cut")), b.Sign([]byte(body)))
	assert.ErrorIs(t, reason, ErrBody)
	_, reason = post(t, newWebhooks(t, nil), bytes.NewReader(make([]byte, 1<<20+1)), b.Sign([]byte(body)))
	assert.ErrorIs(t, reason, ErrBody)
}

func TestBookbagWebhooks_SetSecret(t *testing.T) {
	b := newWebhooks(t, nil)
	body := eventAt(time.Now())
	require.NoError(t, b.SetSecret("the new secret, long", &Options{Previous: []string{webhookSecret}}))
	for _, secret := range []string{"the new secret, long", webhookSecret} {
		_, reason := post(t, b, strings.NewReader(body), hexOf(secret, body))
		assert.NoError(t, reason)
	}
	assert.Equal(t, hexOf("the new secret, long", body), b.Sign([]byte(body)))
	require.NoError(t, b.SetSecret("the new secret, long", nil))
	_, reason := post(t, b, strings.NewReader(body), hexOf(webhookSecret, body))
	assert.ErrorIs(t, reason, ErrWrongSignature)
}

func TestBookbagWebhooks_RejectsItsArguments(t *testing.T) {
	_, err := NewBookbagWebhooks(webhookSecret, &WebhookOptions{Window: -1})
	requireField(t, err, "WebhookOptions.Window", "must not be negative")
	_, err = NewBookbagWebhooks(webhookSecret, &WebhookOptions{MaxBody: -1})
	requireField(t, err, "WebhookOptions.MaxBody", "must not be negative")
	_, err = newWebhooks(t, nil).Handler(nil)
	requireField(t, err, "next", "must not be nil")
	_, ok := Event(t.Context())
	assert.False(t, ok)
	h, err := newWebhooks(t, nil).Handler(greet) // without OnReject
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/bookbag", nil))
	assert.Equal(t, 401, w.Code)
}

// The example of GitHub's documentation "Validating webhook deliveries", whose scheme
// is the same.
func TestBookbagWebhooks_PublishedSignature(t *testing.T) {
	const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	b, err := NewBookbagWebhooks("It's a Secret to Everybody", nil)
	require.NoError(t, err)
	assert.Equal(t, signature, b.Sign([]byte("Hello, World!")))
	digits, err := parseSignature(signature)
	require.NoError(t, err)
	assert.True(t, b.hasher.verify("Hello, World!", digits))
}

// Node's crypto signs what we accept, and accepts what we sign.
func TestBookbagWebhooks_NodesCryptoSignsAlike(t *testing.T) {
	b := newWebhooks(t, nil)
	body := eventAt(time.Now())
	var out struct {
		Hex, Base64 string
		Accepted    bool
	}
	testenv.Node(t, "webhook.mjs", map[string]string{"secret": webhookSecret, "body": body, "signature": b.Sign([]byte(body))}, &out)
	assert.True(t, out.Accepted)
	for _, signature := range []string{out.Hex, out.Base64} {
		_, reason := post(t, b, strings.NewReader(body), signature)
		assert.NoError(t, reason)
	}
}
