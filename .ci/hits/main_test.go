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
		"words":     "# a comment\n\nat the side of\npears?\n",
		"a.go":      "package a\n\n// It is at\n// the side of the pear.\nvar pear = \"the Pear\" + pears // `pear`\n",
		"doc/b.md":  "A pear.\nAt\nthe side of it, pearing pears.\n",
		"doc/c.sum": "pear",
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
	const want = `a.go:3: at // the side of
a.go:4: pear
a.go:5: pear
a.go:5: Pear
doc/b.md:1: pear
doc/b.md:2: At the side of
doc/b.md:3: pears
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
