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

const root = "../.."

// documents returns the paths of all documents, relative to the repository.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"}
	guides, err := filepath.Glob(root + "/docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, guides)
	for _, guide := range guides {
		names = append(names, "docs/"+filepath.Base(guide))
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

var testName = regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Z_]\\w*)`")

func TestDocuments_NameTestsThatExist(t *testing.T) {
	exists := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(code, -1) {
			exists[string(found[1])] = true
		}
		return err
	}))
	for _, name := range documents(t) {
		for _, test := range testName.FindAllStringSubmatch(read(t, name), -1) {
			assert.True(t, exists[test[1]], "%s names %s, which is in no test file", name, test[1])
		}
	}
	assert.NotEmpty(t, testName.FindString(read(t, "SECURITY.md")))
	assert.NotEmpty(t, testName.FindString(read(t, "docs/verified.md")))
}

func TestReadme_ShortAndWithoutTests(t *testing.T) {
	readme := read(t, "README.md")
	assert.LessOrEqual(t, strings.Count(readme, "\n"), 300, "lines")
	assert.Empty(t, testName.FindAllString(readme, -1))
}

func TestDocuments_LinkToWhatExists(t *testing.T) {
	for _, name := range documents(t) {
		text := read(t, name)
		for _, link := range regexp.MustCompile(`\]\(([^):\s]+)\)`).FindAllStringSubmatch(withoutCode(text), -1) {
			file, section, _ := strings.Cut(link[1], "#")
			target := text
			if file != "" {
				path := filepath.Join(filepath.Dir(name), file)
				_, err := os.Stat(filepath.Join(root, path))
				if !assert.NoError(t, err, name) || section == "" {
					continue
				}
				target = read(t, path)
			}
			assert.Contains(t, sections(target), section, "%s links to %s", name, link[1])
		}
	}
}

func withoutCode(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
}

// sections returns the anchors of a document's headings, as GitHub makes them.
func sections(text string) (anchors []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(withoutCode(text), -1) {
		plain := regexp.MustCompile(`[^\pL\pN_ -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}
