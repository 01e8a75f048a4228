package hmachash

import (
	"encoding/json"
	"html/template"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

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

func TestVendorSecrets(t *testing.T) {
	const spaces = "must not begin or end with white space"
	for _, secret := range []string{pageSecret + "\n", " " + pageSecret, pageSecret + "\u00a0"} {
		_, err := NewAinisa(secret, nil)
		requireField(t, err, "secret", spaces)
		_, err = NewBookbag(pageSecret, &Options{Previous: []string{secret}})
		requireField(t, err, "Options.Previous[0]", spaces)
	}
	_, err := NewAinisa("", nil)
	requireField(t, err, "secret", "must not be empty")
	_, err = NewBookbag("", nil)
	requireField(t, err, "secret", "must not be empty")
}

func TestAinisaScript(t *testing.T) {
	hash, err := testHasher(t, pageSecret, nil).Hash("1")
	require.NoError(t, err)
	for want, u := range map[string]AinisaUser{
		`<script nonce="bm9uY2U=">window.ainisaUser={"user_id":"1","user_hash":"` + hash + `"};</script>`: {ID: "1"},
		`<script nonce="bm9uY2U=">window.ainisaUser={"user_id":"1","user_hash":"` + hash + `","firstname":"Ada","lastname":"Lovelace","email":"ada@example.com"};</script>`: {
			ID: "1", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com"},
		"": {FirstName: "Ada", Email: "ada@example.com"},
	} {
		got, err := newAinisa(t).Script(u, "bm9uY2U=")
		require.NoError(t, err)
		assert.Equal(t, template.HTML(want), got)
	}
	without, err := newAinisa(t).Script(AinisaUser{ID: "1"}, "")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(without), "<script>window."))
}

func TestAinisaWidgetIsThereForEverybody(t *testing.T) {
	got, err := newAinisa(t).Widget("abc+/-_9=")
	require.NoError(t, err)
	assert.Equal(t, template.HTML(`<script src="https://chatbot.ainisa.com/widget.js" nonce="abc+/-_9="></script>`), got)
	got, err = newAinisa(t).Widget("")
	require.NoError(t, err)
	assert.Equal(t, template.HTML(`<script src="https://chatbot.ainisa.com/widget.js"></script>`), got)
}

func TestBookbagScript(t *testing.T) {
	hash, err := testHasher(t, pageSecret, nil).Hash("1")
	require.NoError(t, err)
	got, err := newBookbag(t).Script(BookbagUser{ID: "1", Name: "Ada", Email: "ada@example.com", Metadata: map[string]any{"plan": "pro"}}, "")
	require.NoError(t, err)
	assert.Contains(t, got, `(JSON.parse("{\"user_id\":\"1\",\"user_hash\":\"`+hash+`\",\"user_metadata\":{\"email\":\"ada@example.com\",\"name\":\"Ada\",\"plan\":\"pro\"}}"));</script>`)
	got, err = newBookbag(t).Script(BookbagUser{Name: "Ada"}, "")
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestIdentifyIsTheJSONForm(t *testing.T) {
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

func TestPageBlocksRefuse(t *testing.T) {
	const (
		edges   = "must not begin or end with white space"
		control = "must not hold control characters"
		notUTF8 = "must be valid UTF-8"
		noJSON  = "must be a value that JSON can carry"
	)
	for id, rule := range map[string]string{
		" 1": edges, "1 ": edges, "\t1": edges, "1\n": edges, "\u00a0a": edges, "a\u2028": edges, "\ufeffa": edges, "\u0085a": edges,
		"a\x00b": control, "a\nb": control, "a\x7fb": control, "a\u0081b": control,
		"a\xffb": notUTF8,
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
		"AinisaUser.FirstName": {ID: "1", FirstName: "\xff"},
		"AinisaUser.LastName":  {ID: "1", LastName: "\xff"},
		"AinisaUser.Email":     {ID: "1", Email: "\xff"},
	} {
		_, err := newAinisa(t).Script(u, "")
		requireField(t, err, field, notUTF8)
	}
	for _, test := range []struct {
		user        BookbagUser
		field, rule string
	}{
		{BookbagUser{Name: "\xff"}, "BookbagUser.Name", notUTF8},
		{BookbagUser{Email: "\xff"}, "BookbagUser.Email", notUTF8},
		{BookbagUser{Metadata: map[string]any{"a": "\xff"}}, `BookbagUser.Metadata["a"]`, notUTF8},
		{BookbagUser{Metadata: map[string]any{"\xff": 1}}, `BookbagUser.Metadata["\xff"]`, notUTF8},
		{BookbagUser{Metadata: map[string]any{"a": math.NaN()}}, `BookbagUser.Metadata["a"]`, noJSON},
		{BookbagUser{Metadata: map[string]any{"a": []any{make(chan int)}}}, `BookbagUser.Metadata["a"]`, noJSON},
		{BookbagUser{Metadata: map[string]any{"name": "x"}}, "BookbagUser.Metadata", `must not have the key "name"`},
		{BookbagUser{Metadata: map[string]any{"email": "x"}}, "BookbagUser.Metadata", `must not have the key "email"`},
		{BookbagUser{Metadata: map[string]any{"": "x"}}, "BookbagUser.Metadata", `must not have the key ""`},
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
	"a\u2028b\u2029c", "\x00\x01\x7f", "\ufeffbom", "\ufffd", "&lt;&amp;", "${x}`", "// /* */", "👩‍👩‍👧 emoji", "日本語", "ÀÉÎ", "</SCRIPT >", "__proto__", "constructor",
}

// What an engine reads out of the blocks is what was put in, whatever it was.
func TestPageBlocksInAJavaScriptEngine(t *testing.T) {
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
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, s) + "-end"

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

// Any text is refused or stands in the block as itself, and never ends it.
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
		block, err := a.Script(AinisaUser{ID: id, FirstName: name, Email: key}, nonce)
		if checkBlock(t, block, err, id, nonce) {
			var got AinisaIdentity
			code := strings.TrimPrefix(inside(t, string(block), nonce), "window.ainisaUser=")
			require.NoError(t, json.Unmarshal([]byte(strings.TrimSuffix(code, ";")), &got))
			require.Equal(t, []string{id, name, key}, []string{got.UserID, got.FirstName, got.Email})
		}

		block, err = b.Script(BookbagUser{ID: id, Name: name, Metadata: map[string]any{key: name}}, nonce)
		if checkBlock(t, block, err, id, nonce) {
			var got BookbagIdentity
			_, code, _ := strings.Cut(inside(t, string(block), nonce), "})(JSON.parse(")
			var object string
			require.NoError(t, json.Unmarshal([]byte(strings.TrimSuffix(code, "));")), &object))
			require.NoError(t, json.Unmarshal([]byte(object), &got))
			require.Equal(t, id, got.UserID)
			require.Equal(t, name, got.UserMetadata[key])
		}
	})
}

// checkBlock reports whether there is a block to look into.
func checkBlock(t *testing.T, block template.HTML, err error, id, nonce string) bool {
	if err != nil {
		var fe *FieldError
		require.ErrorAs(t, err, &fe)
		require.Less(t, len(fe.Error()), 500)
		require.Empty(t, block)
		return false
	}
	if id == "" {
		require.Empty(t, block)
		return false
	}
	require.True(t, utf8.ValidString(string(block)))
	return true
}

func inside(t *testing.T, block, nonce string) string {
	t.Helper()
	open := "<script>"
	if nonce != "" {
		open = `<script nonce="` + nonce + `">`
	}
	require.True(t, strings.HasPrefix(block, open) && strings.HasSuffix(block, "</script>"), block)
	code := block[len(open) : len(block)-len("</script>")]
	require.False(t, strings.ContainsAny(code, "<>&\u2028\u2029") && !strings.Contains(code, "window.bookbag"), code)
	require.NotContains(t, code, "<")
	return code
}
