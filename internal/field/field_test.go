package field

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestText(t *testing.T) {
	for _, s := range []string{"", "a", "Ada Lovelace", "O'Brien", "日本語", "a\nb", "a\u00a0b", "👩‍👩‍👧", "نام"} {
		assert.Empty(t, Text(s), "%q", s)
	}
	for _, s := range []string{" ", "a ", " a", "cus_123\n", "\ta", "a\r\n", "\u00a0a", "a\u2003", "a\u3000", "\ufeffa", "a\u0085", "a\u2028", "a\u200b", "\u2060a", "a\x1f", "a\x7f"} {
		assert.Equal(t, "must not begin or end with white space (use strings.TrimSpace)", Text(s), "%q", s)
	}
	assert.Contains(t, Text("a\xff"), "UTF-8")
	assert.Contains(t, Text("a\x00b"), "NUL")
}

func TestID(t *testing.T) {
	for _, id := range []string{"1", "10", "100", "user_8821", "ada@example.com", "Nullman", "nile", "0a", "true-1", "00000000-0000-0000-0000-000000000001", "a b", "müller", "NULLS", "%41", "-"} {
		assert.Empty(t, ID(id), id)
	}
	for _, id := range []string{
		"undefined", "Undefined", "null", "NULL", "Null", "nil", "None", "NaN", "nan", "<nil>", "(nil)", "<null>", "(null)", "<no value>", "[object Object]",
		`"null"`, "'undefined'", `""`, "''", "%!s(<nil>)", "%!d(string=x)", "true", "False", "anonymous", "AnonymousUser", "guest", "{ false}", "map[]",
	} {
		assert.Contains(t, ID(id), "such as undefined or <nil>", id)
	}
	for _, id := range []string{"0", "00", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "00000000000000000000000000"} {
		assert.Contains(t, ID(id), "zeros", id)
	}
	assert.Equal(t, "must not be empty", ID(""))
	assert.Equal(t, Text(" "), ID(" "))
	assert.Equal(t, Text("\xff"), ID("\xff"))
}

func TestPageID(t *testing.T) {
	for _, id := range []string{"1", "a b", "müller", "日本語", "e\u0301", "🙂", strings.Repeat("x", MaxPageID)} {
		assert.Empty(t, PageID(id), id)
	}
	assert.Equal(t, "must be at most 512 bytes", PageID(strings.Repeat("x", MaxPageID+1)))
	assert.Equal(t, "must be at most 512 bytes", PageID(strings.Repeat("ü", MaxPageID/2)+"x"))
	for _, r := range "\x01\n\x7f\u0080\u0085\u009f\u00a0\u00ad\u034f\u061c\u115f\u17b4\u180e\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2060\u2066\u2800\u3000\u3164\ufe0f\ufeff\uffa0\U000e0001\U000e0100" {
		assert.Equal(t, "must not contain control characters or others that do not print, such as U+200B", PageID("a"+string(r)+"b"), "%U", r)
	}
	assert.Equal(t, ID("null"), PageID("null"))
}

func TestOptionalID(t *testing.T) {
	assert.Empty(t, OptionalID(""))
	assert.Empty(t, OptionalID("1"))
	assert.Equal(t, ID("null"), OptionalID("null"))
}
