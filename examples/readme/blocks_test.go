package readme

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// block is a block of code in a document.
type block struct{ document, code string }

// goBlocks returns the Go code of the documents: whole programs, and pieces.
func goBlocks(t *testing.T, documents ...string) (programs, pieces []block) {
	t.Helper()
	for _, name := range documents {
		for _, found := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, name), -1) {
			if b := (block{name, found[1]}); strings.HasPrefix(b.code, "package main\n") {
				programs = append(programs, b)
			} else {
				pieces = append(pieces, b)
			}
		}
	}
	return programs, pieces
}

// Each piece of Go code in a document appears, word for word, in a test of this
// package, mounting, pageblocks or sharedlimit. A whole test is run instead.
func TestDocuments_PiecesAreInTests(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"*_test.go", "../mounting/*_test.go", "../pageblocks/*_test.go", "../sharedlimit/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			code, err := os.ReadFile(file)
			require.NoError(t, err)
			source.Write(code)
		}
	}
	_, pieces := goBlocks(t, documents(t)...)
	require.NotEmpty(t, pieces)
	for _, piece := range pieces {
		if piece.document == "docs/megadesk.md" && strings.HasPrefix(piece.code, "import (\n") { // TestMegadeskGuide_Test runs it
			continue
		}
		if piece.document == "docs/sync.md" && strings.Contains(piece.code, "func (s *syncer) ") { // TestSyncGuide_SQLite runs it
			continue
		}
		var indented strings.Builder
		for line := range strings.Lines(piece.code) {
			if line != "\n" {
				indented.WriteString("\t")
			}
			indented.WriteString(line)
		}
		inFunction := strings.Contains(source.String(), indented.String())
		assert.True(t, inFunction || strings.Contains(source.String(), piece.code), "%s: in no test:\n%s", piece.document, piece.code)
	}
}

func TestDocuments_ProgramsBuild(t *testing.T) {
	programs, _ := goBlocks(t, documents(t)...)
	require.NotEmpty(t, programs)
	for _, program := range programs {
		formatted, err := format.Source([]byte(program.code))
		require.NoError(t, err, program.document)
		assert.Equal(t, string(formatted), program.code, "%s: gofmt would change it", program.document)
		out, err := exec.Command("go", "vet", write(t, program.code)).CombinedOutput()
		assert.NoError(t, err, "%s: %s", program.document, out)
	}
}

// write writes a program to a file.
func write(t *testing.T, code string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(code), 0o600))
	return file
}

// build returns the executable of a program.
func build(t *testing.T, code string) (executable string) {
	t.Helper()
	executable = filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-o", executable, write(t, code)).CombinedOutput()
	require.NoError(t, err, string(out))
	return executable
}
