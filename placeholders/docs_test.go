package placeholders

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each block of docs/actions.md is true: an action's file compiles, and a template
// is accepted, or rejected with the words after its dashes.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../docs/actions.md")
	require.NoError(t, err)
	kinds := map[string]Kind{"JSON": JSON, "URL": URL, "Form": Form, "Header": Header}
	blocks := regexp.MustCompile("(?s)```([^\n]*)\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	count := map[string]int{}
	for _, block := range blocks {
		info := strings.Fields(block[1])
		count[info[0]]++
		if info[0] == "json" {
			action, err := ParseAction([]byte(block[2]))
			require.NoError(t, err)
			_, err = Compile(action, nil)
			require.NoError(t, err)
			continue
		}
		require.Equal(t, "text", info[0])
		require.Contains(t, kinds, info[2])
		for line := range strings.SplitSeq(strings.TrimSpace(block[2]), "\n") {
			src, words, found := strings.Cut(line, " -- ")
			require.Equal(t, info[1] == "rejected", found, line)
			_, err := Parse(src, kinds[info[2]], nil)
			if !found {
				assert.NoError(t, err, line)
				continue
			}
			var se *SyntaxError
			require.ErrorAs(t, err, &se, line)
			assert.Contains(t, se.Rule, words, line)
		}
	}
	assert.Equal(t, map[string]int{"json": 2, "text": 10}, count)
}
