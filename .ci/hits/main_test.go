package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun_CountsProseOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	for file, text := range map[string]string{
		"words":     "# a comment\n\nin front of\nanswers?\n",
		"a.go":      "package a\n\n// It stands in\n// front of the answer.\nvar answer = \"the Answer\" + answers // `answer`\n",
		"doc/b.md":  "An answer.\nIn\nfront of it, answering answers.\n",
		"doc/c.sum": "answer",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	total, err := run("words", strings.NewReader("a.go\ndoc/b.md\ndoc/c.sum\n"), &out, true)
	const want = `a.go:3: in // front of
a.go:4: answer
a.go:5: answer
a.go:5: Answer
doc/b.md:1: answer
doc/b.md:2: In front of
doc/b.md:3: answers
     4 (root)
     3 doc
     7 in all
`
	if err != nil || total != 7 || out.String() != want {
		t.Errorf("%v, %d hits:\n%s", err, total, out.String())
	}
}

func TestCompile_NamesTheLine(t *testing.T) {
	if _, err := compile("# a\nb\n(c\n"); err == nil || !strings.HasPrefix(err.Error(), "line 3: ") {
		t.Error(err)
	}
}
