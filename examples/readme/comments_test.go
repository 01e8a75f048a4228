package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Comments are short: what needs more is a guide in docs/.
func TestComments_Length(t *testing.T) {
	const packageWords, functionWords = 400, 150
	packages := map[string]int{} // words of the package comments, by folder
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		packages[filepath.Dir(path)] += words(file.Doc)
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				assert.LessOrEqual(t, words(function.Doc), functionWords, "%s: %s", path, function.Name.Name)
			}
		}
		return nil
	}))
	for folder, n := range packages {
		assert.LessOrEqual(t, n, packageWords, folder)
	}
	assert.NotZero(t, packages[filepath.Join(root, "identity")])
}

func words(comment *ast.CommentGroup) int { return len(strings.Fields(comment.Text())) }
