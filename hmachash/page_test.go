package hmachash

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const pageSecret = "a secret that is long"

func newAinisa(t testing.TB) *Ainisa {
	t.Helper()
	a, err := NewAinisa(pageSecret, nil)
	require.NoError(t, err)
	return a
}

func newBookbag(t testing.TB) *Bookbag {
	t.Helper()
	b, err := NewBookbag(pageSecret, nil)
	require.NoError(t, err)
	return b
}

func TestNewAinisa_RejectsSecrets(t *testing.T) {
	for secret, rule := range map[string]string{
		"":                     "must not be empty (is the variable set?)",
		pageSecret + "\n":      "must not begin or end with white space (is there a line end after it?)",
		`"` + pageSecret + `"`: "must not begin or end with a quote (docker's --env-file, for one, keeps the quotes of a value)",
		"\ufeff" + pageSecret:  "must not begin with a byte order mark (save the file as UTF-8 without BOM)",
		"a\x00secret, long":    "must not contain control characters or others that do not print (paste it again)",
		"${AINISA_SECRET}":     "must not be a placeholder such as ${NAME}, $NAME or <name> (is the variable expanded?)",
	} {
		_, err := NewAinisa(secret, nil)
		requireField(t, err, "secret", rule)
		_, err = NewBookbag(secret, nil)
		requireField(t, err, "secret", rule)
		_, err = NewBookbagWebhooks(secret, nil)
		requireField(t, err, "secret", rule)
		_, err = NewBookbag(pageSecret, &Options{Previous: []string{secret}})
		requireField(t, err, "Options.Previous[0]", rule)
		_, err = NewBookbagWebhooks(pageSecret, &WebhookOptions{Previous: []string{pageSecret, secret}})
		requireField(t, err, "Options.Previous[1]", rule)
		requireField(t, newAinisa(t).SetSecret(secret, nil), "secret", rule)
		if secret != "" {
			_, err = New(secret, nil)
			require.NoError(t, err, "New takes any bytes")
		}
	}
}

// block returns what a block must be, for data as JSON.
func block(vendor, data, nonce string) template.HTML {
	return template.HTML(`<script type="application/json" data-chatident="` + vendor + `" data-turbo-temporary>` + data +
		`</script><script data-turbo-temporary` + nonce + `>` + pageScript + `</script>`)
}

func TestAinisa_Script(t *testing.T) {
	hash, err := testHasher(t, pageSecret, nil).Hash("1")
	require.NoError(t, err)
	for want, u := range map[string]AinisaUser{
		`{"user_id":"1","user_hash":"` + hash + `"}`: {ID: "1"},
		`{"user_id":"1","user_hash":"` + hash + `","firstname":"Ada","lastname":"Lovelace","email":"ada@example.com"}`: {
			ID: "1", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com"},
		"null": {FirstName: "Ada", Email: "ada@example.com"},
	} {
		got, err := newAinisa(t).Script(u, "bm9uY2U=")
		require.NoError(t, err)
		assert.Equal(t, block("ainisa", want, ` nonce="bm9uY2U="`), got)
		got, err = newAinisa(t).Script(u, "")
		require.NoError(t, err)
		assert.Equal(t, block("ainisa", want, ""), got)
		data, err := newAinisa(t).Data(u)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(got), string(data)+"<script"))
	}
}

func TestAinisa_WidgetIsThereForEverybody(t *testing.T) {
	got, err := newAinisa(t).Widget("abc+/-_9=")
	require.NoError(t, err)
	assert.Equal(t, template.HTML(`<script src="https://chatbot.ainisa.com/widget.js" defer nonce="abc+/-_9="></script>`), got)
	got, err = newAinisa(t).Widget("")
	require.NoError(t, err)
	assert.Equal(t, template.HTML(`<script src="https://chatbot.ainisa.com/widget.js" defer></script>`), got)
}

func TestBookbag_Script(t *testing.T) {
	hash, err := testHasher(t, pageSecret, nil).Hash("1")
	require.NoError(t, err)
	for want, u := range map[string]BookbagUser{
		`{"user_id":"1","user_hash":"` + hash + `","user_metadata":{"email":"ada@example.com","name":"Ada","plan":"pro"}}`: {
			ID: "1", Name: "Ada", Email: "ada@example.com", Metadata: map[string]any{"plan": "pro"}},
		"null": {Name: "Ada"},
	} {
		got, err := newBookbag(t).Script(u, "bm9uY2U=")
		require.NoError(t, err)
		assert.Equal(t, block("bookbag", want, ` nonce="bm9uY2U="`), got)
		data, err := newBookbag(t).Data(u)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(got), string(data)+"<script"))
	}
}

func TestScriptHash(t *testing.T) {
	sum := sha256.Sum256([]byte(pageScript))
	assert.Equal(t, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", ScriptHash)
	assert.NotContains(t, pageScript, "</")
	assert.NotContains(t, pageScript, "\r")
}

func TestScriptFile(t *testing.T) {
	get := func(method, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/chatident.js", nil)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		ScriptFile().ServeHTTP(w, r)
		return w
	}
	w := get("GET", "")
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, pageScript, w.Body.String())
	assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
	assert.Equal(t, 304, get("GET", w.Header().Get("Etag")).Code)
	assert.Empty(t, get("HEAD", "").Body.String())
}

func TestIdentify_JSON(t *testing.T) {
	hash, err := testHasher(t, pageSecret, nil).Hash("1")
	require.NoError(t, err)
	ainisa, err := newAinisa(t).Identify(AinisaUser{ID: "1", Email: "ada@example.com"})
	require.NoError(t, err)
	b, err := json.Marshal(ainisa)
	require.NoError(t, err)
	assert.Equal(t, `{"user_id":"1","user_hash":"`+hash+`","email":"ada@example.com"}`, string(b))

	metadata := map[string]any{"plan": "pro"}
	bookbag, err := newBookbag(t).Identify(BookbagUser{ID: "1", Name: "Ada", Metadata: metadata})
	require.NoError(t, err)
	b, err = json.Marshal(bookbag)
	require.NoError(t, err)
	assert.Equal(t, `{"user_id":"1","user_hash":"`+hash+`","user_metadata":{"name":"Ada","plan":"pro"}}`, string(b))
	assert.Len(t, metadata, 1, "the caller's map is left alone")

	bookbag, err = newBookbag(t).Identify(BookbagUser{ID: "1"})
	require.NoError(t, err)
	b, err = json.Marshal(bookbag)
	require.NoError(t, err)
	assert.Equal(t, `{"user_id":"1","user_hash":"`+hash+`"}`, string(b))
}

// What database drivers return counts as what it holds.
func TestBookbag_IdentifyUnwrapsMetadata(t *testing.T) {
	u := BookbagUser{ID: "1", Metadata: map[string]any{
		"company": sql.NullString{String: "Acme", Valid: true}, "vat": sql.NullString{}, "seats": sql.NullInt64{Int64: 5, Valid: true},
		"since": time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), "boss": nil,
	}}
	identity, err := newBookbag(t).Identify(u)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"company": "Acme", "seats": json.Number("5"), "since": "2024-05-01T00:00:00Z", "boss": nil}, identity.UserMetadata)

	data, err := newBookbag(t).Data(BookbagUser{ID: "1", Metadata: map[string]any{"vat": sql.NullString{}}})
	require.NoError(t, err)
	assert.NotContains(t, data, "user_metadata")
}

func TestScript_Rejects(t *testing.T) {
	const (
		edges     = "must not begin or end with white space (use strings.TrimSpace)"
		invisible = "must not contain control characters or others that do not print, such as U+200B"
		notUTF8   = "must be valid UTF-8 (convert it, or replace the rest with strings.ToValidUTF8)"
		nul       = "must not contain NUL"
		notSet    = "must be the id of a customer, got a text that programs write when there is none, such as undefined or <nil>"
		zeros     = "must be the id of a customer, got one of zeros only, as an unset number or UUID has"
		name      = "must not have this key (name and email are fields)"
	)
	for id, rule := range map[string]string{
		" ": edges, " 1": edges, "1 ": edges, "\t1": edges, "1\n": edges, "\u00a0a": edges, "a\u2028": edges, "\ufeffa": edges, "\u0085a": edges,
		"a\x00b": nul, "a\nb": invisible, "a\x7fb": invisible, "a\u0081b": invisible, "a\u200bb": invisible, "a\u00adb": invisible,
		"a\xffb": notUTF8, "undefined": notSet, "null": notSet, "<nil>": notSet, "00000000-0000-0000-0000-000000000000": zeros,
		strings.Repeat("x", 513): "must be at most 512 bytes",
	} {
		_, err := newAinisa(t).Script(AinisaUser{ID: id}, "")
		requireField(t, err, "AinisaUser.ID", rule)
		_, err = newBookbag(t).Script(BookbagUser{ID: id}, "")
		requireField(t, err, "BookbagUser.ID", rule)
	}
	_, err := newAinisa(t).Identify(AinisaUser{})
	requireField(t, err, "AinisaUser.ID", "must not be empty")
	_, err = newBookbag(t).Identify(BookbagUser{})
	requireField(t, err, "BookbagUser.ID", "must not be empty")

	for field, u := range map[string]AinisaUser{
		"AinisaUser.FirstName": {ID: "1", FirstName: "Ada "},
		"AinisaUser.LastName":  {ID: "1", LastName: "\tLovelace"},
		"AinisaUser.Email":     {ID: "1", Email: "ada@example.com\n"},
	} {
		_, err := newAinisa(t).Script(u, "")
		requireField(t, err, field, edges)
	}
	_, err = newAinisa(t).Script(AinisaUser{ID: "1", Email: "\xff"}, "")
	requireField(t, err, "AinisaUser.Email", notUTF8)
	cycle := map[string]any{}
	cycle["a"] = cycle
	for _, test := range []struct {
		user        BookbagUser
		field, rule string
	}{
		{BookbagUser{Name: "Ada\u00a0"}, "BookbagUser.Name", edges},
		{BookbagUser{Email: " a"}, "BookbagUser.Email", edges},
		{BookbagUser{Email: "\xff"}, "BookbagUser.Email", notUTF8},
		{BookbagUser{Metadata: map[string]any{"a": "\xff"}}, `BookbagUser.Metadata["a"]`, notUTF8},
		{BookbagUser{Metadata: map[string]any{"\xff": 1}}, `BookbagUser.Metadata["\xff"]`, "its key " + notUTF8},
		{BookbagUser{Metadata: map[string]any{"a": math.NaN()}}, `BookbagUser.Metadata["a"]`, "must be a finite number (leave it out, or pass nil)"},
		{BookbagUser{Metadata: map[string]any{"a": []any{make(chan int)}}}, `BookbagUser.Metadata["a"][0]`, "must be a string, boolean, number, time, map or slice, got chan int"},
		{BookbagUser{Metadata: cycle}, `BookbagUser.Metadata` + strings.Repeat(`["a"]`, 32), "must be at most 32 deep (does it contain itself?)"},
		{BookbagUser{Metadata: map[string]any{"a": strings.Repeat("x", maxMetadata)}}, `BookbagUser.Metadata["a"]`, "must be at most 16384 bytes of JSON"},
		{BookbagUser{Metadata: map[string]any{"name": "x"}}, `BookbagUser.Metadata["name"]`, name},
		{BookbagUser{Metadata: map[string]any{"email": "x"}}, `BookbagUser.Metadata["email"]`, name},
		{BookbagUser{Metadata: map[string]any{"": "x"}}, `BookbagUser.Metadata[""]`, name},
		{BookbagUser{Metadata: map[string]any{"a": json.RawMessage("\"\xff\"")}}, `BookbagUser.Metadata["a"]`, notUTF8},
	} {
		test.user.ID = "1"
		_, err := newBookbag(t).Script(test.user, "")
		requireField(t, err, test.field, test.rule)
	}

	for _, nonce := range []string{`"`, "a b", "a\"><script>", "=", "a===", "a=b", "ü", "a\n", " a", "'"} {
		const rule = "must be base64 or base64url, with at most two = at its end"
		_, err := newAinisa(t).Script(AinisaUser{ID: "1"}, nonce)
		requireField(t, err, "nonce", rule)
		_, err = newAinisa(t).Widget(nonce)
		requireField(t, err, "nonce", rule)
		_, err = newBookbag(t).Script(BookbagUser{ID: "1"}, nonce)
		requireField(t, err, "nonce", rule)
	}
}

var hostile = []string{
	"</script><script>alert(1)</script>", "<!--<script>", "]]>", "O'Brien", `"quoted"`, `back\slash`, `\`, `\u003c`, "new\nline", "\r\n", "tab\t",
	"a\u2028b\u2029c", "a\x01\x7fb", "a\ufeffbom", "\ufffd", "&lt;&amp;", "${x}`", "// /* */", "👩‍👩‍👧 emoji", "日本語", "ÀÉÎ", "</SCRIPT >", "__proto__", "constructor",
}

// What an engine reads out of the blocks is what was put in, whatever it was.
func TestScript_InAJavaScriptEngine(t *testing.T) {
	a, b := newAinisa(t), newBookbag(t)
	var blocks []template.HTML
	var want []any
	add := func(block template.HTML, err error, identity any) {
		t.Helper()
		require.NoError(t, err)
		blocks = append(blocks, block)
		want = append(want, identity)
	}
	for _, s := range hostile {
		// In the id too, but for what an id may not have.
		id := "id-" + strings.Map(func(r rune) rune {
			if field.PageID("a"+string(r)+"b") != "" {
				return -1
			}
			return r
		}, s) + "-end"

		s := "a" + s + "b"
		au := AinisaUser{ID: id, FirstName: s, LastName: s + s, Email: s}
		block, err := a.Script(au, "bm9uY2U")
		ai, _ := a.Identify(au)
		add(block, err, ai)

		bu := BookbagUser{ID: id, Name: s, Email: s, Metadata: map[string]any{"k": s, "deep": map[string]any{"a": []any{s, 1, true, nil}}}}
		bu.Metadata[s+"."] = s
		bu.Metadata[s] = map[string]any{s: json.RawMessage(`{"\u005f_proto__":{"admin":true}}`)}
		block, err = b.Script(bu, "bm9uY2U")
		bi, _ := b.Identify(bu)
		add(block, err, bi)
	}

	var got []struct {
		Error      string
		Nonce      string
		AinisaUser json.RawMessage
		Calls      [][]json.RawMessage
		Late       [][]json.RawMessage
	}
	testenv.Node(t, "page.mjs", blocks, &got)
	require.Len(t, got, len(blocks))
	for i, ran := range got {
		require.Empty(t, ran.Error, "%s", blocks[i])
		assert.Equal(t, "bm9uY2U", ran.Nonce)
		wantJSON, err := json.Marshal(want[i])
		require.NoError(t, err)
		if _, ok := want[i].(AinisaIdentity); ok {
			assert.JSONEq(t, string(wantJSON), string(ran.AinisaUser))
			assert.Empty(t, ran.Calls)
		} else {
			require.Len(t, ran.Calls, 1)
			assert.JSONEq(t, `"identify"`, string(ran.Calls[0][0]))
			assert.JSONEq(t, string(wantJSON), string(ran.Calls[0][1]))
			assert.Equal(t, ran.Calls, ran.Late)
		}
	}
}

// Any text is rejected or is in the block as itself, and never ends it.
func FuzzPageBlock(f *testing.F) {
	for _, s := range hostile {
		f.Add("1", s, s, "")
		f.Add(s, "", "", "bm9uY2U=")
	}
	f.Add("1", "\xff", "", `"><script>`)
	f.Add("1", "", strings.Repeat("k", 2000)+"\xff", "")
	a, err := NewAinisa(pageSecret, nil)
	require.NoError(f, err)
	b, err := NewBookbag(pageSecret, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id, name, key, nonce string) {
		html, err := a.Script(AinisaUser{ID: id, FirstName: name, Email: key}, nonce)
		if data := dataOf(t, "ainisa", html, err, nonce); data != "" {
			var got AinisaIdentity
			require.NoError(t, json.Unmarshal([]byte(data), &got))
			if id != "" {
				require.Equal(t, []string{id, name, key}, []string{got.UserID, got.FirstName, got.Email})
			}
		}
		html, err = b.Script(BookbagUser{ID: id, Name: name, Metadata: map[string]any{key: name}}, nonce)
		if data := dataOf(t, "bookbag", html, err, nonce); data != "" {
			var got BookbagIdentity
			require.NoError(t, json.Unmarshal([]byte(data), &got))
			if id != "" {
				require.Equal(t, id, got.UserID)
				require.Equal(t, name, got.UserMetadata[key])
			}
		}
	})
}

// dataOf returns the JSON in a block, or "" if there is none but an error.
func dataOf(t *testing.T, vendor string, html template.HTML, err error, nonce string) string {
	t.Helper()
	if err != nil {
		var fe *FieldError
		require.ErrorAs(t, err, &fe)
		require.Less(t, len(fe.Error()), 500)
		require.Empty(t, html)
		return ""
	}
	if nonce != "" {
		nonce = ` nonce="` + nonce + `"`
	}
	before, after, _ := strings.Cut(string(block(vendor, "DATA", nonce)), "DATA")
	data, ok := strings.CutPrefix(string(html), before)
	require.True(t, ok, html)
	data, ok = strings.CutSuffix(data, after)
	require.True(t, ok, html)
	require.False(t, strings.ContainsAny(data, "<>&\u2028\u2029"), data)
	require.True(t, utf8.ValidString(data))
	return data
}
