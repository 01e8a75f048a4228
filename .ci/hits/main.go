// Command hits counts the phrases of a list in the comments and string literals
// of Go files, and in the whole text of documents, scripts and pages.
//
//	git ls-files | go run .ci/hits/main.go .ci/words
//
// Each line of the list is a regular expression (letter case does not matter, and
// a space also matches a line break within a comment); empty lines and lines that
// begin with # are ignored. With -list it prints each hit, and with -fail the
// exit code is 1 if there is one.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

func main() {
	list := flag.Bool("list", false, "print each hit")
	fail := flag.Bool("fail", false, "exit with 1 if there is a hit")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: git ls-files | hits [-list] [-fail] WORDS")
		os.Exit(2)
	}
	total, err := run(flag.Arg(0), os.Stdin, os.Stdout, *list)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if *fail && total > 0 {
		os.Exit(1)
	}
}

// run reads the names of files from in, and prints the hits in each top folder.
func run(words string, in io.Reader, out io.Writer, list bool) (total int, err error) {
	text, err := os.ReadFile(words)
	if err != nil {
		return 0, err
	}
	phrases, err := compile(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", words, err)
	}
	folders := map[string]int{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		file := lines.Text()
		spans, src, err := prose(file)
		if err != nil {
			return 0, err
		}
		for _, s := range spans {
			for _, hit := range phrases.FindAllStringIndex(src[s.from:s.to], -1) {
				folder, _, nested := strings.Cut(file, "/")
				if !nested {
					folder = "(root)"
				}
				folders[folder]++
				total++
				if list {
					at := s.from + hit[0]
					fmt.Fprintf(out, "%s:%d: %s\n", file, 1+strings.Count(src[:at], "\n"), strings.Join(strings.Fields(src[at:s.from+hit[1]]), " "))
				}
			}
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		fmt.Fprintf(out, "%6d %s\n", folders[folder], folder)
	}
	fmt.Fprintf(out, "%6d in all\n", total)
	return total, lines.Err()
}

// compile returns one regular expression for all phrases.
func compile(list string) (*regexp.Regexp, error) {
	var phrases []string
	for number, line := range strings.Split(list, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := regexp.Compile(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		phrases = append(phrases, strings.ReplaceAll(line, " ", `[\s/*]+`))
	}
	return regexp.Compile(`(?i)\b(?:` + strings.Join(phrases, "|") + `)\b`)
}

// span is a part of a file.
type span struct{ from, to int }

// prose returns the parts of a file that people read, and its text.
func prose(file string) ([]span, string, error) {
	switch path.Ext(file) {
	default:
		return nil, "", nil
	case ".go", ".md", ".js", ".mjs", ".html":
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	if path.Ext(file) != ".go" {
		return []span{{0, len(b)}}, string(b), nil
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, b, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, "", err
	}
	var spans []span
	add := func(n ast.Node) {
		spans = append(spans, span{files.Position(n.Pos()).Offset, files.Position(n.End()).Offset})
	}
	for _, comment := range f.Comments {
		add(comment)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			add(literal)
		}
		return true
	})
	return spans, string(b), nil
}
