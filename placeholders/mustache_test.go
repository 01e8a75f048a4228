package placeholders

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Why a case of the Mustache specification does not apply, by words of its name
// or, for one, its name.
var notMustache = []struct{ name, reason string }{
	{"Implicit Iterators", "there are no iterators: a syntax error"},
	{"Triple Mustache", "three braces mean a value without escapes, which there is none of: a syntax error"},
	{"Ampersand", "an ampersand means the same: a syntax error"},
	{"HTML Escaping", "there is no kind for HTML"},
	{"Null Interpolation", "null is a value in JSON only"},
	{"Context Miss", "a missing value is an error"},
	{"Dotted Names", "a name has no dots, and a path is mapped to a name: a syntax error"},
}

// Source: mustache/spec, specs/interpolation.json.
func TestMustache(t *testing.T) {
	var spec struct {
		Tests []struct {
			Name, Template, Expected string
			Data                     json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(testenv.Shared(t, "vectors", "mustache_interpolation.json"), &spec))
	var applied []string
	for _, test := range spec.Tests {
		reason := ""
		for _, not := range notMustache {
			if strings.Contains(test.Name, not.name) {
				reason = not.reason
				break
			}
		}
		template, err := Parse(test.Template, Text, nil)
		if strings.HasSuffix(reason, "a syntax error") {
			var se *SyntaxError
			assert.ErrorAs(t, err, &se, test.Name)
			continue
		}
		require.NoError(t, err, test.Name)
		values := Values{}
		if d := json.NewDecoder(strings.NewReader(string(test.Data))); true {
			d.UseNumber()
			require.NoError(t, d.Decode(&values))
		}
		got, err := template.Render(values)
		switch {
		case strings.Contains(test.Name, "Null"):
			assert.Equal(t, &MissingError{Null: []string{"cannot"}}, err)
		case strings.Contains(test.Name, "Context Miss"):
			assert.Equal(t, &MissingError{Names: []string{"cannot"}}, err)
		case reason != "":
			assert.NoError(t, err)
			assert.NotEqual(t, test.Expected, got, test.Name)
		default:
			assert.NoError(t, err)
			assert.Equal(t, test.Expected, got, test.Name)
			applied = append(applied, test.Name)
		}
	}
	assert.Equal(t, []string{
		"No Interpolation",
		"Basic Interpolation",
		"No Re-interpolation",
		"Basic Integer Interpolation",
		"Basic Decimal Interpolation",
		"Interpolation - Surrounding Whitespace",
		"Interpolation - Standalone",
		"Interpolation With Padding",
	}, applied)
}
