package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var documents = []string{"README.md", "SECURITY.md", "CONTRIBUTING.md"}

func document(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("../..", name))
	require.NoError(t, err)
	return string(text)
}

func TestTheDocumentsNameTestsThatExist(t *testing.T) {
	exists := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(code, -1) {
			exists[string(found[1])] = true
		}
		return err
	}))
	for _, name := range documents {
		named := regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Z_]\\w*)`").FindAllStringSubmatch(document(t, name), -1)
		if name != "CONTRIBUTING.md" {
			require.NotEmpty(t, named, name)
		}
		for _, test := range named {
			assert.True(t, exists[test[1]], "%s names %s, which is in no test file", name, test[1])
		}
	}
}

func TestTheDocumentsLinkToWhatIsThere(t *testing.T) {
	for _, name := range documents {
		text := document(t, name)
		for _, link := range regexp.MustCompile(`(?:^|[^!])\[[^\]]*\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
			if section, here := strings.CutPrefix(link[1], "#"); here {
				assert.Contains(t, sections(text), section, name)
				continue
			}
			_, err := os.Stat(filepath.Join("../..", link[1]))
			assert.NoError(t, err, name)
		}
	}
}

// sections returns the anchors of a document's headings.
func sections(text string) (anchors []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}
