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

func newAction(t *testing.T, options *ActionOptions) http.Handler {
	t.Helper()
	a, err := NewAinisa(pageSecret, &Options{Previous: []string{"the old secret, long"}})
	require.NoError(t, err)
	header, key := "x-api-key", actionKey
	if options != nil && options.WithoutKey {
		header, key = "", ""
	}
	h, err := a.Action(header, key, greet, options)
	require.NoError(t, err)
	return h
}

func set(name string, values ...string) func(http.Header) {
	return func(h http.Header) { h[name] = values }
}

func requireRejected(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, `{"error":"the caller or the customer could not be verified"}`+"\n", w.Body.String())
}

func TestAction(t *testing.T) {
	var reason error
	h := newAction(t, &ActionOptions{OnReject: func(r *http.Request, err error) {
		require.NotNil(t, r)
		reason = err
	}})
	for name, test := range map[string]struct {
		change func(http.Header)
		want   error
	}{
		"as documented":     {nil, nil},
		"previous secret":   {set("X-User-Hash", hashOf(t, "the old secret, long", "user-1")), nil},
		"no Origin":         {set("Origin"), nil},
		"foreign Origin":    {set("Origin", "https://evil.example"), nil},
		"no key":            {set("X-Api-Key"), ErrNoKey},
		"empty key":         {set("X-Api-Key", ""), ErrNoKey},
		"wrong key":         {set("X-Api-Key", actionKey+"x"), ErrWrongKey},
		"key upper case":    {set("X-Api-Key", strings.ToUpper(actionKey)), ErrWrongKey},
		"cut key":           {set("X-Api-Key", actionKey[1:]), ErrWrongKey},
		"key twice":         {set("X-Api-Key", actionKey, actionKey), ErrNoKey},
		"key and another":   {set("X-Api-Key", actionKey, "x"), ErrNoKey},
		"no id":             {set("X-User-Id"), ErrNoUser},
		"empty id":          {set("X-User-Id", ""), ErrNoUser},
		"another id":        {set("X-User-Id", "user-2"), ErrWrongHash},
		"id twice":          {set("X-User-Id", "user-1", "user-1"), ErrNoUser},
		"two ids":           {set("X-User-Id", "user-1", "user-2"), ErrNoUser},
		"ids joined":        {set("X-User-Id", "user-1, user-2"), ErrWrongHash},
		"id not UTF-8":      {set("X-User-Id", "user-1\xff"), ErrWrongHash}, // user-1ÿ
		"id undefined":      {set("X-User-Id", "undefined"), ErrInvalidUserID},
		"id of 513 bytes":   {set("X-User-Id", strings.Repeat("x", 513)), ErrInvalidUserID},
		"no hash":           {set("X-User-Hash"), ErrNoUser},
		"empty hash":        {set("X-User-Hash", ""), ErrNoUser},
		"hash of another":   {set("X-User-Hash", hashOf(t, pageSecret, "user-2")), ErrWrongHash},
		"hash upper case":   {set("X-User-Hash", strings.ToUpper(hashOf(t, pageSecret, "user-1"))), ErrWrongHash},
		"hash twice":        {set("X-User-Hash", hashOf(t, pageSecret, "user-1"), hashOf(t, pageSecret, "user-1")), ErrNoUser},
		"hash of no secret": {set("X-User-Hash", hashOf(t, "a secret of nobody's", "user-1")), ErrWrongHash},
		"nothing":           {func(h http.Header) { clear(h) }, ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			reason = nil
			w := call(t, h, test.change)
			require.ErrorIs(t, reason, test.want)
			if test.want != nil {
				requireRejected(t, w)
				assert.NotContains(t, reason.Error(), "user-1")
				requireRejected(t, call(t, newAction(t, nil), test.change)) // without OnReject
				return
			}
			assert.Equal(t, 200, w.Code)
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "hello user-1", w.Body.String())
			assert.NoError(t, reason)
		})
	}
}

func TestAction_WithoutKeyStillVerifiesTheCustomer(t *testing.T) {
	h := newAction(t, &ActionOptions{WithoutKey: true})
	w := call(t, h, set("X-Api-Key"))
	assert.Equal(t, "hello user-1", w.Body.String())
	requireRejected(t, call(t, h, set("X-User-Id", "user-2")))
	requireRejected(t, call(t, h, func(h http.Header) { clear(h) }))
}

func TestAction_Anonymous(t *testing.T) {
	h := newAction(t, &ActionOptions{Anonymous: true})
	both := func(id, hash []string) func(http.Header) {
		return func(h http.Header) { h["X-User-Id"], h["X-User-Hash"] = id, hash }
	}
	for _, none := range [][]string{nil, {}, {""}} {
		w := call(t, h, both(none, none))
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, "hello nobody", w.Body.String())
	}
	assert.Equal(t, "hello user-1", call(t, h, nil).Body.String())
	good := hashOf(t, pageSecret, "user-1")
	for _, change := range []func(http.Header){
		both(nil, []string{good}), both([]string{""}, []string{good}), both([]string{"user-1"}, nil), both([]string{"user-1"}, []string{""}),
		both([]string{"user-1"}, []string{strings.Repeat("0", 64)}), both([]string{"user-2"}, []string{good}), both([]string{"", "user-1"}, nil),
		func(h http.Header) { clear(h) }, // no key
	} {
		requireRejected(t, call(t, h, change))
	}
}

// Node's HTTP clients write a header in Latin-1, others in UTF-8.
func TestAction_DecodesLatin1(t *testing.T) {
	h := newAction(t, nil)
	for header, id := range map[string]string{
		"m\xfcller": "müller", "müller": "müller", "caf\xe9": "café", "\xa3\xff": "£ÿ", "日本": "日本",
	} {
		w := call(t, h, func(h http.Header) {
			h["X-User-Id"], h["X-User-Hash"] = []string{header}, []string{hashOf(t, pageSecret, id)}
		})
		assert.Equal(t, "hello "+id, w.Body.String(), "%q", header)
	}
	// Bytes that are valid UTF-8 are not tried as Latin-1: "Ã¼" would be another customer.
	requireRejected(t, call(t, h, func(h http.Header) {
		h["X-User-Id"], h["X-User-Hash"] = []string{"\xc3\xbc"}, []string{hashOf(t, pageSecret, "Ã¼")}
	}))
	// Controls, in either form.
	for _, header := range []string{"a\x80b", "a\x9fb", "a\u0085b", "a\x7fb", "a\x01b", "a\xadb"} {
		id := decodeLatin1(header)
		requireRejected(t, call(t, h, func(h http.Header) {
			h["X-User-Id"], h["X-User-Hash"] = []string{header}, []string{hashOf(t, pageSecret, id)}
		}))
	}
}

func TestAction_RejectsItsArguments(t *testing.T) {
	a := newAinisa(t)
	const (
		noName  = "must be the name of an HTTP header"
		noKey   = "must be Authorization, or end in Key, Token, Secret, Password or Auth (such as X-Api-Key)"
		visible = `must have only visible ASCII characters (paste it without spaces, and without "Bearer " before it)`
	)
	for _, test := range []struct{ header, key, field, rule string }{
		{"", actionKey, "header", noName},
		{"X Key", actionKey, "header", noName},
		{"host", actionKey, "header", noKey},
		{"Cookie", actionKey, "header", noKey},
		{"X-Api-Key", "", "apiKey", "must not be empty (is the variable set?)"},
		{"X-Api-Key", "key\n", "apiKey", "must not begin or end with white space (is there a line end after it?)"},
		{"X-Api-Key", `"key"`, "apiKey", "must not begin or end with a quote (docker's --env-file, for one, keeps the quotes of a value)"},
		{"X-Api-Key", "a\x7fb", "apiKey", "must not contain control characters or others that do not print (paste it again)"},
		{"X-Api-Key", "a b", "apiKey", visible},
		{"X-Api-Key", "schlüssel", "apiKey", visible},
		{"Authorization", "Bearer a b", "apiKey", visible},
	} {
		_, err := a.Action(test.header, test.key, greet, nil)
		requireField(t, err, test.field, test.rule)
	}
	_, err := a.Action("X-Api-Key", actionKey, nil, nil)
	requireField(t, err, "next", "must not be nil")
	_, err = a.Action("", "", nil, &ActionOptions{WithoutKey: true})
	requireField(t, err, "next", "must not be nil")
	_, err = a.Action("", "", greet, &ActionOptions{WithoutKey: true, Anonymous: true})
	requireField(t, err, "ActionOptions.Anonymous", "must not be combined with WithoutKey, which would let everybody in")
	for _, pair := range [][2]string{{"X-Api-Key", ""}, {"", actionKey}} {
		_, err = a.Action(pair[0], pair[1], greet, &ActionOptions{WithoutKey: true})
		requireField(t, err, "ActionOptions.WithoutKey", "must not be combined with a header and an apiKey (pass two empty strings)")
	}
}

func TestAction_AuthorizationWithAScheme(t *testing.T) {
	h, err := newAinisa(t).Action("Authorization", "Bearer "+actionKey, greet, nil)
	require.NoError(t, err)
	assert.Equal(t, "hello user-1", call(t, h, set("Authorization", "Bearer "+actionKey)).Body.String())
	requireRejected(t, call(t, h, set("Authorization", actionKey)))
}

func TestUserID_OutsideOfAnAction(t *testing.T) {
	_, ok := UserID(t.Context())
	assert.False(t, ok)
}
