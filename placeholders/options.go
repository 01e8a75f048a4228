package placeholders

import (
	"fmt"
	"maps"
)

const (
	defaultTemplate     = 256 << 10
	defaultPlaceholders = 1000
	defaultName         = 128
	defaultOutput       = 4 << 20

	// maxOfAnyone keeps sums of lengths far from where they overflow.
	maxOfAnyone = 1 << 30
)

// Options of [Parse] and [Compile]. In those of an action each limit holds for
// the URL, each header and the body alone. A zero limit means the default; one
// that is negative or more than 2^30 is a *[FieldError].
type Options struct {
	// MaxTemplate bounds the text of a template, in bytes. Default: 256 KB
	// (262,144).
	MaxTemplate int

	// MaxPlaceholders bounds how many placeholders a template has, each counted
	// as often as it stands there. Default: 1,000.
	MaxPlaceholders int

	// MaxName bounds a placeholder's name, in characters. Default: 128.
	MaxName int

	// MaxOutput bounds what a template renders to, in bytes. Default: 4 MB
	// (4,194,304).
	MaxOutput int

	// Defaults are taken for names that there is no value for. (A value that is
	// nil or empty is a value.) A name that no placeholder can have is refused,
	// and so is a value that cannot stand where its placeholder does. Default:
	// none, so that a missing value is an error.
	Defaults map[string]any
}

// limits are Options with the defaults put in.
type limits struct {
	template, placeholders, name, output int
	defaults                             map[string]any
}

func (o *Options) limits() (limits, error) {
	if o == nil {
		o = new(Options)
	}
	for _, f := range []struct {
		field string
		value int
	}{
		{"Options.MaxTemplate", o.MaxTemplate},
		{"Options.MaxPlaceholders", o.MaxPlaceholders},
		{"Options.MaxName", o.MaxName},
		{"Options.MaxOutput", o.MaxOutput},
	} {
		if f.value < 0 || f.value > maxOfAnyone {
			return limits{}, &FieldError{f.field, fmt.Sprintf("must be from 0 to %d", maxOfAnyone)}
		}
	}
	l := limits{
		template:     or(o.MaxTemplate, defaultTemplate),
		placeholders: or(o.MaxPlaceholders, defaultPlaceholders),
		name:         or(o.MaxName, defaultName),
		output:       or(o.MaxOutput, defaultOutput),
		defaults:     maps.Clone(o.Defaults),
	}
	for name := range l.defaults {
		if at, rule := checkName(name, l.name); at >= 0 {
			return limits{}, &FieldError{member("Options.Defaults", name), rule}
		}
	}
	return l, nil
}

func or(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}
