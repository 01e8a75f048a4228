package bookbag

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUserID_Rules(t *testing.T) {
	const other = "must have only letters, digits, dot, underscore and hyphen: byte %d is another (chatclient.DeriveUserID makes one of an e-mail address)"
	for id, want := range map[string]string{
		"a": "", "user_8821": "", "A-Z.0_9": "", "...": "", ".a": "", "-": "", strings.Repeat("x", 128): "",
		"":                       "must have 1 to 128 characters, has 0",
		strings.Repeat("x", 129): "must have 1 to 128 characters, has 129",
		"ada@example.com":        fmt.Sprintf(other, 4),
		"user_8821\n":            fmt.Sprintf(other, 10),
		"a/b":                    fmt.Sprintf(other, 2),
		"ü":                      fmt.Sprintf(other, 1),
		"%2e%2e":                 fmt.Sprintf(other, 1),
		".":                      "must not be . or ..",
		"..":                     "must not be . or ..",
	} {
		assert.Equal(t, want, UserID(id), id)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() { UserID("user_8821") }))
}

func TestIssuedID_Rules(t *testing.T) {
	const other = "must have only letters, digits, underscore and hyphen: byte %d is another"
	for id, want := range map[string]string{
		"a": "", "456": "", "conv_123": "", "A-Z_09": "", "-": "", strings.Repeat("x", 128): "",
		"":                       "must have 1 to 128 characters, has 0",
		strings.Repeat("ü", 100): "must have 1 to 128 characters, has 200",
		".":                      fmt.Sprintf(other, 1),
		"..":                     fmt.Sprintf(other, 1),
		"a.b":                    fmt.Sprintf(other, 2),
		"456/messages":           fmt.Sprintf(other, 4),
		"456?limit=1":            fmt.Sprintf(other, 4),
		"456\n":                  fmt.Sprintf(other, 4),
		"a%2fb":                  fmt.Sprintf(other, 2),
	} {
		assert.Equal(t, want, IssuedID(id), id)
		assert.Equal(t, want, ConversationID(id), id)
	}
	assert.Empty(t, IssuedID("export"))
	assert.Equal(t, "must not be export", ConversationID("export"))
	assert.Empty(t, ConversationID("exports"))
	assert.Empty(t, ConversationID("Export"), "paths mind the case")
	assert.Zero(t, testing.AllocsPerRun(100, func() { ConversationID("conv_123") }))
}

// Every byte in every place, by the documented expression.
func TestUserID_SameAsTheDocumentedExpression(t *testing.T) {
	for pattern, check := range map[string]func(string) string{
		`^[a-zA-Z0-9._-]{1,128}$`: UserID,
		`^[a-zA-Z0-9_-]{1,128}$`:  IssuedID,
	} {
		documented := regexp.MustCompile(pattern)
		for length := 3; length <= 9; length++ { // ".", ".." are another test's
			for place := range length {
				for c := range 256 {
					id := []byte("abcdefghi"[:length])
					id[place] = byte(c)
					broken := check(string(id))
					require.Equal(t, documented.Match(id), broken == "", "%q", id)
					require.True(t, broken == "" || strings.Contains(broken, fmt.Sprintf(": byte %d is another", place+1)), broken)
				}
			}
		}
	}
}

func TestParseSeconds_Forms(t *testing.T) {
	for text, want := range map[string]int64{"1700000000": 1700000000, `"1700000001"`: 1700000001, "1.5": 1} {
		assert.Equal(t, want, ParseSeconds([]byte(text)).Unix())
	}
	for _, text := range []string{"", "null", `"x"`, "{}", "[]", "true", "-1", "0", "1e12", "1e300"} {
		assert.True(t, ParseSeconds([]byte(text)).IsZero(), text)
	}
	assert.Equal(t, "1700000000", string(FormatSeconds(time.Unix(1700000000, 5))))
	assert.Equal(t, "null", string(FormatSeconds(time.Time{})))
}

func TestUnmarshal_OtherTypes(t *testing.T) {
	var v struct {
		A int
		B string
	}
	assert.NoError(t, Unmarshal([]byte(`{"a":"x","b":"y"}`), &v), "a field of another type is left out")
	assert.Equal(t, "y", v.B)
	for _, text := range []string{"", "<html>", "{", "{} {}"} {
		assert.Equal(t, ErrFormat, Unmarshal([]byte(text), &v), text)
	}
	assert.Equal(t, ErrTooLong, Unmarshal([]byte(`{"a":1}`), &struct{ A tooLong }{}))
}

type tooLong struct{}

func (*tooLong) UnmarshalJSON([]byte) error { return ErrTooLong }
