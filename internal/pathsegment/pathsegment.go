// Package pathsegment has the one rule for text that becomes a segment of a
// URL's path. Percent-encoding alone does not make such text safe: servers,
// proxies and frameworks decode it, some of them twice, and then normalize what
// they see. So a segment is rejected if any of them may read it as "." or "..",
// as several segments, or as none.
package pathsegment

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Fault says what is wrong with a segment.
type Fault int

const (
	None    Fault = iota
	NotUTF8       // bytes that are not UTF-8, such as an overlong slash
	Control       // a control character
	Slash         // a slash, a backslash, or a character that is read as one
	Encoded       // still percent-encoded: another character once it is decoded again
	Empty         // nothing at all, or nothing before a semicolon
	Dots          // only dots, spaces and what is left out beside them
)

// Characters with a meaning in a path, each with those that are read as it.
// Compatibility normalization (NFKC) or the best fit of a Windows code page turns the
// others into it, or they have it in their compatibility form.
const (
	slashes = `/\` + "\uff0f\uff3c\ufe68\u2044\u2215\u2216\u29f5\u29f8\u29f9" +
		"\u2100\u2101\u2105\u2106\u00a5\uffe5\u20a9\uffe6"
	semicolons = ";\uff1b\u037e\ufe54"        // some servers cut off what follows
	pathEnds   = "?#\uff1f\uff03\ufe5f\ufe56" // what follows may be no path
	percents   = "%\uff05\ufe6a"
)

// escape is a percent-encoded byte. Some servers also decode %u002e, and take the digits
// of other alphabets.
var escape = regexp.MustCompile(`[` + percents + `][uU\x{ff35}\x{ff55}]*[a-fA-F\x{ff21}-\x{ff26}\x{ff41}-\x{ff46}\p{Nd}]{2}`)

// Check returns the fault of a segment. The text is decoded: "a b", not "a%20b".
func Check(text []byte) Fault {
	if len(text) > 0 && !slices.ContainsFunc(text, isUnusual) { // as nearly always
		return None
	}
	name := before(text, semicolons)
	switch {
	case !utf8.Valid(text):
		return NotUTF8
	case bytes.ContainsFunc(text, unicode.IsControl):
		return Control
	case bytes.ContainsAny(text, slashes):
		return Slash
	case bytes.ContainsAny(text, percents) && escape.MatchString(string(text)): // which allocates
		return Encoded
	case len(name) == 0:
		return Empty
	case !bytes.ContainsFunc(name[:1+len(before(name[1:], pathEnds))], isSolid): // "?" is a name, but "..?" may be dots
		return Dots
	}
	return None
}

// CheckParts is Check for text that may have slashes and backslashes, and so
// may be read as several segments. Each part between them is checked; empty
// parts are accepted beside others.
func CheckParts(text string) Fault {
	fault := Empty
	for part := range strings.FieldsFuncSeq(text, isSlash) {
		if fault = Check([]byte(part)); fault != None {
			break
		}
	}
	return fault
}

// isUnusual is false for letters, digits, hyphens and underscores.
func isUnusual(c byte) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}

func isSlash(c rune) bool { return strings.ContainsRune(slashes, c) }

// before returns the text before the first of some characters.
func before(text []byte, chars string) []byte {
	if end := bytes.IndexAny(text, chars); end >= 0 {
		return text[:end]
	}
	return text
}

// isSolid reports whether no server reads the character as a dot, as white
// space, or as nothing. Marks, format characters, and punctuation and
// mathematical signs outside of ASCII are not solid: compatibility forms
// (U+FF0E, U+2024), other alphabets' full stops (U+3002, as IDNA reads it) and zero-width
// characters (U+200B) are among them.
func isSolid(c rune) bool {
	if c < utf8.RuneSelf {
		return c > ' ' && c != '.'
	}
	return unicode.In(c, unicode.L, unicode.N, unicode.So, unicode.Sc) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c)
}
