package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func call(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

// files writes the two files into a folder that the test works in.
func files(t *testing.T, action, user string) {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.json", []byte(action), 0o600))
	require.NoError(t, os.WriteFile("u.json", []byte(user), 0o600))
}

func TestRun_Preview(t *testing.T) {
	code, out, errs := call("preview", "action.json", "user.json")
	assert.Zero(t, code)
	assert.Empty(t, errs)
	assert.Equal(t, `POST https://api.example.com/customers/user-123/refunds?plan=pro
Accept: application/json
Authorization: [redacted]
Content-Type: application/json
X-Customer-Email: ada@example.com

{"email": "ada@example.com", "name": "Ada \"Countess\" Lovelace", "orders": 3, "note": "requested by Ada \"Countess\" Lovelace in the chat"}
`, out)
}

// Each action of the folder is shown as its preview says.
func TestRun_Actions(t *testing.T) {
	files, err := filepath.Glob("actions/*.preview")
	require.NoError(t, err)
	require.Len(t, files, 8)
	for _, file := range files {
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		code, out, errs := call("preview", strings.Replace(file, ".preview", ".json", 1), "actions/customer.json")
		assert.Zero(t, code, file)
		assert.Empty(t, errs, file)
		assert.Equal(t, string(want), out, file)
	}
}

func TestRun_Usage(t *testing.T) {
	for _, args := range [][]string{nil, {"preview"}, {"preview", "a.json"}, {"send", "a.json", "u.json"}, {"preview", "a", "b", "c"}} {
		code, out, errs := call(args...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, out)
		assert.Equal(t, usage, errs)
	}
	code, out, _ := call("-h")
	assert.Zero(t, code)
	assert.Equal(t, usage, out)
}

// The faults of both files are reported together, without their texts.
func TestRun_ReportsAllFaults(t *testing.T) {
	files(t, `{
  "method": "POST",
  "url": "http://api.example.com/?key=sk_live_1",
  "headers": {"Host": "sk_live_2", "X-Id": "{{nobody}}"},
  "body": {"{{a}}": "sk_live_3"}
}`, `{"iat": 1, "user": {"a": "sk_live_4"}, "integrations": []}`)
	code, out, errs := call("preview", "a.json", "u.json")
	assert.Equal(t, 1, code)
	assert.Empty(t, out)
	assert.Equal(t, `a.json: url: line 1, column 8: a URL must begin with https://, unless its host is this machine
a.json: headers["Host"]: must not be set: HTTP needs this header itself
a.json: headers["X-Id"]: line 1, column 1: "nobody" must be one of the variables
a.json: body: line 1, column 3: a placeholder must not be in a key
a.json: body: line 1, column 3: "a" must be one of the variables
u.json: integrations must be an object
u.json: "user" is unknown (the roots are userDetail and integrations)
`, errs)
}

func TestRun_FaultsOfFiles(t *testing.T) {
	const action = `{"method":"GET","url":"https://h.example/{{id}}?q={{q}}","variables":{"id":"userDetail.id","q":"userDetail.q.r"}}`
	for name, test := range map[string]struct{ action, user, want string }{
		"no JSON":        {"{\n x", "{}", "a.json: line 2, column 2: an action's file must be JSON: expected a key in quotes"},
		"unknown member": {`{"uri":"x"}`, "{}", `a.json: "uri": is unknown`},
		"user no JSON":   {action, "{\n\n x", "u.json: must be one JSON object"},
		"user cut":       {action, "{", "u.json: must be one JSON object"},
		"user a list":    {action, "[]", "u.json: must be one JSON object"},
		"user null":      {action, "null", "u.json: must be one JSON object"},
		"user twice":     {action, "{}{}", "u.json: must be one JSON object"},
		"missing":        {action, "{}", "u.json: has no value at userDetail.id for {{id}}\nu.json: has no value at userDetail.q.r for {{q}}\n"},
		"too deep":       {action, `{"userDetail":{"id":"1","q":"r"}}`, "u.json: has no value at userDetail.q.r for {{q}}\n"},
		"null":           {action, `{"userDetail":{"id":null}}`, "u.json: has no value at userDetail.q.r for {{q}}\nu.json: has null for {{id}} (for null in JSON, leave out the quotes around it; else set a default)\n"},
		"injection":      {action, `{"userDetail":{"id":"../admin","q":{"r":1}}}`, "u.json: url: the value of id must not put a slash or a backslash into a path segment"},
		"object":         {action, `{"userDetail":{"id":"1","q":{"r":{}}}}`, "u.json: url: the value of q must be a single value"},
		"large":          {strings.Repeat(" ", 4<<20+1), "{}", "a.json: must be at most 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			files(t, test.action, test.user)
			code, out, errs := call("preview", "a.json", "u.json")
			assert.Equal(t, 1, code)
			assert.Empty(t, out)
			assert.True(t, strings.HasPrefix(errs, test.want), errs)
		})
	}
	code, _, errs := call("preview", filepath.Join("none", "a.json"), ".")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "a.json: no such file or directory\n.: is a directory\n")
}

func TestRun_NumbersKeepTheirDigits(t *testing.T) {
	files(t, `{"method":"POST","url":"https://h.example","body":"{\"n\":{{n}}}","variables":{"n":"userDetail.n"}}`, `{"userDetail":{"n":1234567890123456.50}}`)
	code, out, errs := call("preview", "a.json", "u.json")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, `{"n":1234567890123456.50}`)
}

// The terminal is not the customer's to write to.
func TestPrintable(t *testing.T) {
	assert.Equal(t, "a\tb\n2Jgnp.exe", printable("a\tb\n\x1b\u009b2J\u202egnp.exe"))
}
