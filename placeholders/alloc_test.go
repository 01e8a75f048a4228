//go:build !race

package placeholders

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Not under the race detector, which allocates for itself.
func TestAppend_DoesNotAllocate(t *testing.T) {
	values := Values{"a": "ada+1@example.com", "b": "O'Brien \"x\" / 100 %", "c": "ü", "d": "visible"}
	dst := make([]byte, 0, 4096)
	for c, src := range map[Kind]string{
		Text:   "{{a}} {{b}} {{c}}",
		JSON:   `{"a":"{{a}}","b":{{b}},"c":["{{c}} and {{a}}"]}`,
		URL:    "https://api.example.com/{{a}}/x{{c}}{{a}}/y?q={{b}}&r=s{{c}}",
		Form:   "a={{a}}&b={{b}}{{c}}",
		Header: "Bearer {{d}}",
	} {
		template := mustParse(t, src, c)
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			var err error
			dst, err = template.Append(dst[:0], values)
			require.NoError(t, err)
		}), c)
	}
}

func TestRender_DoesNotEscapeLongValues(t *testing.T) {
	template, err := Parse(`"{{a}}"`, JSON, &Options{MaxOutput: 10})
	require.NoError(t, err)
	values := Values{"a": strings.Repeat(`"`, 1<<20)}
	allocs := testing.AllocsPerRun(10, func() { _, err = template.Render(values) })
	requireField(t, err, "output", "must be at most 10 bytes")
	assert.Less(t, allocs, 15.0, "growing to a megabyte takes more")
}
