package hmachash

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const actionKey = "the-api-key-of-the-action"

func hashOf(t *testing.T, secret, id string) string {
	t.Helper()
	hash, err := testHasher(t, secret, nil).Hash(id)
	require.NoError(t, err)
	return hash
}

// call makes the request that Ainisa documents, changed as the test wants it.
func call(t *testing.T, h http.Handler, change func(http.Header)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "/orders", strings.NewReader("{}"))
	r.Header = http.Header{
		"Origin":           {"https://ainisa.com/"},
		"Locale":           {"en"},
		"Content-Type":     {"application/json"},
		"X-Requested-With": {"XMLHttpRequest"},
		"X-User-Id":        {"user-1"},
		"X-User-Hash":      {hashOf(t, pageSecret, "user-1")},
		"X-Api-Key":        {actionKey},
	}
	if change != nil {
		change(r.Header)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, ok := UserID(r.Context())
	if !ok {
		id = "nobody"
	}
	_, _ = io.WriteString(w, "hello "+id)
})

func TestAction(t *testing.T) {
	a, err := NewAinisa(pageSecret, &Options{Previous: []string{"the old secret, long"}})
	require.NoError(t, err)
	h, err := a.Action("x-api-key", actionKey, greet)
	require.NoError(t, err)

	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) { h[name] = values }
	}
	for name, test := range map[string]struct {
		change func(http.Header)
		ok     bool
	}{
		"as documented":     {nil, true},
		"previous secret":   {set("X-User-Hash", hashOf(t, "the old secret, long", "user-1")), true},
		"no Origin":         {set("Origin"), true},
		"foreign Origin":    {set("Origin", "https://evil.example"), true},
		"no key":            {set("X-Api-Key"), false},
		"empty key":         {set("X-Api-Key", ""), false},
		"wrong key":         {set("X-Api-Key", actionKey+"x"), false},
		"key upper case":    {set("X-Api-Key", strings.ToUpper(actionKey)), false},
		"cut key":           {set("X-Api-Key", actionKey[1:]), false},
		"key twice":         {set("X-Api-Key", actionKey, actionKey), false},
		"key and another":   {set("X-Api-Key", actionKey, "x"), false},
		"no id":             {set("X-User-Id"), false},
		"empty id":          {set("X-User-Id", ""), false},
		"another id":        {set("X-User-Id", "user-2"), false},
		"id twice":          {set("X-User-Id", "user-1", "user-1"), false},
		"two ids":           {set("X-User-Id", "user-1", "user-2"), false},
		"ids joined":        {set("X-User-Id", "user-1, user-2"), false},
		"id not UTF-8":      {set("X-User-Id", "user-1\xff"), false},
		"no hash":           {set("X-User-Hash"), false},
		"empty hash":        {set("X-User-Hash", ""), false},
		"hash of another":   {set("X-User-Hash", hashOf(t, pageSecret, "user-2")), false},
		"hash upper case":   {set("X-User-Hash", strings.ToUpper(hashOf(t, pageSecret, "user-1"))), false},
		"hash twice":        {set("X-User-Hash", hashOf(t, pageSecret, "user-1"), hashOf(t, pageSecret, "user-1")), false},
		"hash of no secret": {set("X-User-Hash", hashOf(t, "a secret of nobody's", "user-1")), false},
		"nothing":           {func(h http.Header) { clear(h) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(t, h, test.change)
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			if test.ok {
				assert.Equal(t, 200, w.Code)
				assert.Equal(t, "hello user-1", w.Body.String())
				return
			}
			assert.Equal(t, 401, w.Code)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			assert.JSONEq(t, `{"error":"the caller or the customer could not be verified"}`, w.Body.String())
		})
	}
}

func TestActionWithoutKeyStillVerifiesTheCustomer(t *testing.T) {
	h, err := newAinisa(t).ActionWithoutKey(greet)
	require.NoError(t, err)
	w := call(t, h, func(h http.Header) { h.Del("X-Api-Key") })
	assert.Equal(t, "hello user-1", w.Body.String())
	w = call(t, h, func(h http.Header) { h.Set("X-User-Id", "user-2") })
	assert.Equal(t, 401, w.Code)
}

func TestActionRefusesItsArguments(t *testing.T) {
	a := newAinisa(t)
	for _, test := range []struct{ header, key, field, rule string }{
		{"", actionKey, "header", "must be the name of an HTTP header"},
		{"X Key", actionKey, "header", "must be the name of an HTTP header"},
		{"X-Key:", actionKey, "header", "must be the name of an HTTP header"},
		{"X-Schlüssel", actionKey, "header", "must be the name of an HTTP header"},
		{"host", actionKey, "header", "must be one of your own: this one has a meaning already"},
		{"x-user-id", actionKey, "header", "must be one of your own: this one has a meaning already"},
		{"X-USER-HASH", actionKey, "header", "must be one of your own: this one has a meaning already"},
		{"origin", actionKey, "header", "must be one of your own: this one has a meaning already"},
		{"Transfer-Encoding", actionKey, "header", "must be one of your own: this one has a meaning already"},
		{"X-Api-Key", "", "apiKey", "must not be empty; ActionWithoutKey says what that would mean"},
		{"X-Api-Key", "key\n", "apiKey", "must not have control characters, or white space at its edges"},
		{"X-Api-Key", " key", "apiKey", "must not have control characters, or white space at its edges"},
		{"X-Api-Key", "a\x7fb", "apiKey", "must not have control characters, or white space at its edges"},
	} {
		_, err := a.Action(test.header, test.key, greet)
		requireField(t, err, test.field, test.rule)
	}
	_, err := a.Action("X-Api-Key", actionKey, nil)
	requireField(t, err, "next", "must not be nil")
	_, err = a.ActionWithoutKey(nil)
	requireField(t, err, "next", "must not be nil")
}

func TestUserIDOutsideOfAnAction(t *testing.T) {
	_, ok := UserID(t.Context())
	assert.False(t, ok)
}
