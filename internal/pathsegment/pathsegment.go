// Package pathsegment has the one rule for text that becomes a segment of a
// URL's path. Percent-encoding alone does not make such text safe: servers,
// proxies and frameworks decode it, some of them twice, and then normalize what
// they see. So a segment is rejected if any of them may read it as "." or "..",
// as several segments, or as none.
package pathsegment

import (
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

// Check returns the fault of a segment. The text is decoded: "a b", not "a%20b".
func Check[T string | []byte](text T) Fault { return check(text, false) }

// CheckParts is Check for text that may have slashes and backslashes, and so
// may be read as several segments. Each part between them is checked; empty
// parts are accepted beside others.
func CheckParts[T string | []byte](text T) Fault { return check(text, true) }

func check[T string | []byte](text T, slashes bool) Fault {
	var s segment
	escape := 0 // how much of an escape the last characters are: %, %0 or %u, %u0 ...
	parts := 0
	for i := 0; i < len(text); {
		if plain[text[i]] && escape == 0 { // as nearly always
			if i++; !s.cut {
				s.length, s.solid = s.length+1, true
			}
			continue
		}
		c, size := decode(text, i)
		i += size
		switch {
		case c == utf8.RuneError && size == 1:
			return NotUTF8
		case unicode.IsControl(c):
			return Control
		}
		if escape = escapeLength(escape, c); escape == len("%00") {
			return Encoded
		}
		if fold(c) != '/' {
			s.add(c)
			continue
		}
		switch fault := s.fault(); {
		case !slashes:
			return Slash
		case fault == Dots || s.cut:
			return fault
		case fault == None:
			parts++
		}
		s = segment{}
	}
	if fault := s.fault(); fault != Empty || parts == 0 || s.cut {
		return fault
	}
	return None
}

// plain are the characters of ASCII that are nothing but themselves.
var plain = func() (set [256]bool) {
	for c := range set {
		set[c] = ' ' < c && c < 0x7f && !strings.ContainsRune(`.%/\;?#`, rune(c))
	}
	return set
}()

// decode returns the character at i without an allocation.
func decode[T string | []byte](text T, i int) (rune, int) {
	if text[i] < utf8.RuneSelf {
		return rune(text[i]), 1
	}
	return utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
}

// segment is what a server may make of the characters so far.
type segment struct {
	length int  // in characters
	solid  bool // one of them keeps it from being empty or dots
	cut    bool // a ; ? or # was there: some servers cut the rest off
}

func (s *segment) add(c rune) {
	switch folded := fold(c); {
	case s.cut:
	case folded == ';', folded == '?' && s.length > 0: // "#1001" is a name of its own
		s.cut = true
	default:
		s.length++
		s.solid = s.solid || isSolid(c)
	}
}

func (s *segment) fault() Fault {
	switch {
	case s.length == 0:
		return Empty
	case !s.solid:
		return Dots
	}
	return None
}

// isSolid reports whether no server reads the character as a dot, as white
// space, or as nothing. Marks, format characters, and punctuation and
// mathematical signs outside of ASCII are not solid: compatibility forms
// (U+FF0E, U+2024), other alphabets' full stops (U+3002, as IDNA reads it) and
// zero-width characters (U+200B) are among them.
func isSolid(c rune) bool {
	if c < utf8.RuneSelf {
		return c > ' ' && c != '.'
	}
	return unicode.In(c, unicode.L, unicode.N, unicode.So, unicode.Sc) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c)
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
	if c = fold(c); c != '%' && length == 0 {
		return 0
	}
	hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c >= utf8.RuneSelf && unicode.IsDigit(c)
	switch {
	case c == '%':
		return 1
	case length == 1 && (c == 'u' || c == 'U'):
		return 1
	case hex:
		return length + 1
	}
	return 0
}
