package placeholders

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each block of docs/actions.md is true: an action's file compiles, and a template
// is accepted, or rejected with the words after its dashes.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../docs/actions.md")
	require.NoError(t, err)
	kinds := map[string]Kind{"JSON": JSON, "URL": URL, "Form": Form, "Header": Header}
	blocks := regexp.MustCompile("(?s)```([^\n]*)\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	count := map[string]int{}
	for _, block := range blocks {
		info := strings.Fields(block[1])
		count[info[0]]++
		if info[0] == "json" {
			action, err := ParseAction([]byte(block[2]))
			require.NoError(t, err)
			_, err = Compile(action, nil)
			require.NoError(t, err)
			continue
		}
		require.Equal(t, "text", info[0])
		require.Contains(t, kinds, info[2])
		for line := range strings.SplitSeq(strings.TrimSpace(block[2]), "\n") {
			src, words, found := strings.Cut(line, " -- ")
			require.Equal(t, info[1] == "rejected", found, line)
			_, err := Parse(src, kinds[info[2]], nil)
			if !found {
				assert.NoError(t, err, line)
				continue
			}
			var se *SyntaxError
			require.ErrorAs(t, err, &se, line)
			assert.Contains(t, se.Rule, words, line)
		}
	}
	assert.Equal(t, map[string]int{"json": 2, "text": 10}, count)
}

// docs/actions.md lists every word that decides whether a header may have a
// placeholder, and every header that has its own rule.
func TestDocs_HeaderNames(t *testing.T) {
	doc, err := os.ReadFile("../docs/actions.md")
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(doc)), " ")
	for begin, want := range map[string][]string{
		"a header whose last word is ":                  placeholderWords,
		"no word of the name may be ":                   steeringWords,
		"the following headers may have placeholders: ": placeholderHeaders,
		"must not be set at all: ":                      reservedHeaders,
	} {
		_, list, found := strings.Cut(text, begin)
		require.True(t, found, begin)
		list, _, _ = strings.Cut(list, ".")
		var words []string
		for _, quoted := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(list, -1) {
			words = append(words, strings.ToLower(quoted[1]))
		}
		assert.ElementsMatch(t, want, words, begin)
	}
}

// What a site operator writes first is accepted, or rejected with one fault that
// says what to change.
func TestCompile_FirstDrafts(t *testing.T) {
	for draft, fault := range map[string]string{
		`{"method":"GET","url":"https://h.example/orders?fields[]=id&sort=-created at&email={{a}}"`:                                                 `url: line 1, column 32: must be percent-encoded (write %5B for "[", %5D for "]", %20 for " ")`,
		`{"method":"PATCH","url":"https://h.example","headers":{"Content-Type":"application/x-www-form-urlencoded"},"body":"items[0][price]={{a}}"`: `body: line 1, column 6: must be percent-encoded (write %5B for "[", %5D for "]")`,
		`{"method":"POST","url":"https://h.example","body":"amount={{a}}"`:                                                                          `body: must be JSON (for a form, set the header Content-Type to application/x-www-form-urlencoded, for text to text/plain)`,
		`{"method":"POST","url":"https://h.example","headers":{"Content-Type":"application/x-www-form-urlencoded"},"body":{"amount":{{a}}}`:         `body: must be a form, such as name=value&name=value, in a string (for JSON, remove the header Content-Type)`,
		`{"method":"POST","url":"https://h.example","body":{"query":"{ order(id: \"{{a}}\") { x } }"}`:                                              `body: line 1, column 25: a placeholder must not share its text with a quote ("): a language with quoted strings may begin there, and a value could end the string` + whole,
		`{"method":"GET","url":"https://h.example","headers":{"Authorization":"Basic {{a}}:{{a}}"}`:                                                 `headers["Authorization"]: line 1, column 7: Basic takes one placeholder and nothing else (map one variable to the base64 form of user:password)`,
		`{"method":"POST","url":"https://h.example","body":{"amount":{{userDetail.amount}}}`:                                                        `body: line 1, column 11: a name must have only ASCII letters, digits and _, and not begin with a digit (map a path such as userDetail.email to a name in the variables)`,
		`{"method":"POST","url":"https://h.example","body":{"amount":{{a}}}`:                                                                        ``,
		`{"method":"POST","url":"https://h.example","body":{{a}}`:                                                                                   ``,
		`{"method":"POST","url":"https://h.example","body":"{\"a\":{{a}}}"`:                                                                         ``,
	} {
		action, err := ParseAction([]byte(draft + `,"variables":{"a":"userDetail.a"}}`))
		require.NoError(t, err, draft)
		_, err = Compile(action, nil)
		if fault == "" {
			assert.NoError(t, err, draft)
			continue
		}
		assert.EqualError(t, err, "placeholders: "+fault, draft)
	}
}
