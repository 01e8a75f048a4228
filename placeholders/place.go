package placeholders

import "unicode/utf8"

// place is where a placeholder stands, as finely as its values care.
type place int

const (
	inText      place = iota
	jsonString        // within a string
	jsonValue         // as a whole value
	urlPath           // within a path segment
	urlQuery          // within the value of a query parameter
	formValue         // within the value of a field
	headerWhole       // as the whole value, or behind a scheme
	headerPart        // within more
)

// appendText appends s as its place wants it, or returns the rule that it
// breaks. What is appended then is of no use.
func (p place) appendText(dst []byte, s string) ([]byte, string) {
	switch p {
	case jsonString:
		return appendJSON(dst, s)
	case urlPath, urlQuery, formValue:
		return appendPercent(dst, s, p == formValue)
	case headerWhole, headerPart:
		return appendHeader(dst, s, p == headerPart)
	}
	if !utf8.ValidString(s) {
		return dst, notUTF8
	}
	return append(dst, s...), ""
}

// ascii is a set of bytes below 0x80, as a table: this is looked at for each byte
// of a value.
type ascii [256]bool

func asciiSet(has func(c byte) bool) *ascii {
	var set ascii
	for c := range byte(utf8.RuneSelf) {
		set[c] = has(c)
	}
	return &set
}

func (a *ascii) has(c byte) bool { return a[c] }
