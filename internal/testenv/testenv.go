// Package testenv finds what some tests need in addition to Go: Node.js and its
// packages, Chromium, nginx, Redis, PostgreSQL, published test vectors and the
// vendors' documented facts.
//
// If something is missing, the test skips with a line that says what to install.
// If CHATIDENT_REQUIRE names it (a list, separated by commas, of node, chromium,
// nginx, redis, postgres, vectors, contract and load), the test fails instead.
package testenv

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nodeScripts is the folder of Node scripts, relative to the repository.
const nodeScripts = "internal/testenv/node"

// Node runs a script in the folder of Node scripts. The script reads input as
// JSON from its standard input and prints JSON, which is decoded into output.
func Node(t testing.TB, script string, input, output any) {
	t.Helper()
	in, err := json.Marshal(input)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir = NodePackages(t, nodeScripts)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	require.NoError(t, err, script)
	require.NoError(t, json.Unmarshal(out, output), "%s printed %.200q", script, out)
}

// NodePackages returns the absolute path of a folder with a package.json, whose
// packages are installed. The folder is relative to the repository.
func NodePackages(t testing.TB, folder string) string {
	t.Helper()
	Program(t, "node", "node") // version 20 or later
	dir := filepath.Join(root(t), filepath.FromSlash(folder))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missing(t, "node", "run npm ci in "+folder)
	}
	return dir
}

// Program returns the path of the first of the files that is a program, in PATH unless
// it is a path.
func Program(t testing.TB, name string, files ...string) string {
	t.Helper()
	for _, file := range files {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	missing(t, name, "install "+name)
	return ""
}

// Load skips a test that puts the machine under load, unless CHATIDENT_REQUIRE
// names load.
func Load(t testing.TB) {
	t.Helper()
	if !required("load") {
		t.Skip("puts the machine under load (to run it, set CHATIDENT_REQUIRE=load)")
	}
}

// Shared returns a file of the vectors or the contract (name). Their folder is in
// CHATIDENT_VECTORS or CHATIDENT_CONTRACT, a path that is absolute or relative to the
// repository. Default: ../shared and the name.
func Shared(t testing.TB, name, file string) []byte {
	t.Helper()
	variable := "CHATIDENT_" + strings.ToUpper(name)
	dir := cmp.Or(os.Getenv(variable), filepath.Join("..", "shared", name))
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root(t), dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		missing(t, name, "set "+variable+" to the folder of "+file)
	}
	return b
}

// missing skips the test, or fails it if CHATIDENT_REQUIRE names the program.
func missing(t testing.TB, name, advice string) {
	t.Helper()
	if required(name) {
		t.Fatalf("%s is missing, and CHATIDENT_REQUIRE names it (%s)", name, advice)
	}
	t.Skipf("%s is missing (to run this test, %s)", name, advice)
}

func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("CHATIDENT_REQUIRE"), ","), name)
}

// root returns the folder of the repository: the nearest parent of the working
// directory that has this package.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "internal", "testenv")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no parent folder is the repository")
	}
}
