package fake

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/internal/testenv"
)

func TestChoose_Defaults(t *testing.T) {
	chosen, err := Choose(map[string]string{"text-delta": "delta", "upsert-batch": "atomic"})
	require.NoError(t, err)
	assert.Len(t, chosen, len(Points))
	for _, p := range Points {
		id, want := p[0], p[1]
		if id == "text-delta" {
			want = "delta"
		}
		assert.Equal(t, want, chosen[id], id)
	}
}

func TestChoose_UnknownIDOrToken(t *testing.T) {
	for want, readings := range map[string]map[string]string{
		`Options.Readings["text-delta"]: unknown token "Delta" (use one of text, delta)`: {"text-delta": "Delta"},
		`Options.Readings["text-delta"]: unknown token "" (use one of text, delta)`:      {"text-delta": ""},
		`Options.Readings: unknown id "" (use one of anonymous-userid, `:                 {"": "text"},
		`Options.Readings: unknown id "` + strings.Repeat("x", 40) + `" (use one of `:    {strings.Repeat("x", 99): "text", "y": "z"},
	} {
		_, err := Choose(readings)
		assert.ErrorContains(t, err, want)
	}
}

// The tables of the contract and of the fakes have the same order too.
func TestPoints_AreThoseOfTheContract(t *testing.T) {
	_, section, ok := strings.Cut(string(testenv.Shared(t, "contract", "bookbag.md")), "\n## 13. ")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	assert.Equal(t, Points, readTable(section))
}

func TestPoints_AreThoseOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/readings.md")
	require.NoError(t, err)
	assert.ElementsMatch(t, Points, readTable(string(guide)))
}

// readTable reads the rows whose first cell is an id, and the tokens of the second.
func readTable(text string) (rows [][]string) {
	token := regexp.MustCompile("`([a-z0-9-]+|messageMetadata|errorText)`")
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		row := []string{strings.Split(cells[1], "`")[1]}
		for _, m := range token.FindAllStringSubmatch(cells[2], -1) {
			row = append(row, m[1])
		}
		rows = append(rows, row)
	}
	return rows
}
