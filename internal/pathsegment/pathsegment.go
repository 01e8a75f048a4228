// Package pathsegment has the one rule for text that becomes a segment of a
// URL's path. Percent-encoding alone does not make such text safe: servers,
// proxies and frameworks decode it, some of them twice, and then normalize what
// they see. So a segment is rejected if any of them may read it as "." or "..",
// as several segments, or as none.
package pathsegment

import (
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

// Check returns the fault of a segment. The text is decoded: "a b", not "a%20b".
func Check(text []byte) Fault { return check(text, false) }

// CheckParts is Check for text that may have slashes and backslashes, and so
// may be read as several segments. Each part between them is checked; empty
// parts are accepted beside others.
func CheckParts(text string) Fault { return check([]byte(text), true) }

func check(text []byte, slashes bool) Fault {
	fault, cut := Empty, false // of the part so far, and whether some servers cut off what follows
	hasName := false           // an earlier part has no fault
	escape := 0                // how many characters of an escape are before: of %00, or of %0000 for %u0000
	for len(text) > 0 {
		if escape == 0 && isAlphanumeric(text[0]) { // as nearly always
			if text = text[1:]; !cut {
				fault = None
			}
			continue
		}
		char, size := utf8.DecodeRune(text)
		switch text = text[size:]; {
		case char == utf8.RuneError && size == 1:
			return NotUTF8
		case unicode.IsControl(char):
			return Control
		}
		c := fold(char)
		if escape = escapeLength(escape, c); escape == len("%00") {
			return Encoded
		}
		switch {
		case c == '/' && !slashes:
			return Slash
		case c == '/' && (fault == Dots || fault == Empty && cut):
			return fault
		case c == '/':
			fault, cut, hasName = Empty, false, hasName || fault == None
		case cut:
		case c == ';', c == '?' && fault != Empty: // "?" is a name, but "..?" may be dots
			cut = true
		case isSolid(char):
			fault = None
		case fault == Empty:
			fault = Dots
		}
	}
	if fault == Empty && hasName && !cut {
		return None
	}
	return fault
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
}

// fold returns '/' for what may be read as a separator of segments, '?' for
// what may end a path, and the ASCII form of full-width characters. Compatibility
// normalization (NFKC) or the best fit of a Windows code page turns the others into
// these, or they have one in their compatibility form.
func fold(c rune) rune {
	switch c {
	case '\\', '\uff3c', '\ufe68', '\u2044', '\u2215', '\u2216', '\u29f5', '\u29f8', '\u29f9',
		'\u2100', '\u2101', '\u2105', '\u2106', '\u00a5', '\uffe5', '\u20a9', '\uffe6':
		return '/'
	case '#', '\uff03', '\ufe5f', '\ufe56':
		return '?'
	case '\u037e', '\ufe54':
		return ';'
	case '\ufe6a':
		return '%'
	}
	if '\uff01' <= c && c <= '\uff5e' {
		return c - '\uff01' + '!'
	}
	return c
}

// escapeLength returns how much of an escape the text is when c comes after
// length characters of one. len("%00") is a whole one. Some servers also decode
// %u002e, and take the digits of other alphabets.
func escapeLength(length int, c rune) int {
	switch {
	case c == '%', length == 1 && (c == 'u' || c == 'U'):
		return 1
	case length > 0 && ('a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || unicode.IsDigit(c)):
		return length + 1
	}
	return 0
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
