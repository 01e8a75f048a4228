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
	dir := NodePackages(t, nodeScripts)
	in, err := json.Marshal(input)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", script, &stderr)
	require.NoError(t, json.Unmarshal(out, output), "%s printed %.200q", script, out)
}

// NodePackages returns the absolute path of a folder with a package.json, whose
// packages are installed. The folder is relative to the repository.
func NodePackages(t testing.TB, folder string) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node", "install Node.js 20 or later")
	}
	dir := filepath.Join(root(t), filepath.FromSlash(folder))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		missing(t, "node", "run npm ci in "+folder)
	}
	return dir
}

// programs are the files that may be a program, and the advice to install it.
var programs = map[string][]string{
	"chromium": {"install Chromium or Chrome", "chromium", "chromium-browser", "google-chrome"},
	"nginx":    {"install nginx", "nginx", "/usr/sbin/nginx"}, // often not in PATH
	"redis":    {"install redis-server", "redis-server"},
	"postgres": {"install postgresql", "/usr/lib/postgresql/*/bin/postgres", "postgres"}, // Debian's is never in PATH
}

// Program returns the path of chromium, nginx, redis (the server) or postgres (the
// server; its initdb is in the same folder).
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, file := range programs[name][1:] {
		found, _ := filepath.Glob(file)
		for _, candidate := range append(found, file) {
			if path, err := exec.LookPath(candidate); err == nil {
				return path
			}
		}
	}
	missing(t, name, programs[name][0])
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

// Vectors decodes a JSON file in the folder CHATIDENT_VECTORS, a path that is
// absolute or relative to the repository. Default: ../shared/vectors.
func Vectors(t testing.TB, file string, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(shared(t, "vectors", file), v))
}

// Contract returns a file of the folder CHATIDENT_CONTRACT, a path that is
// absolute or relative to the repository. Default: ../shared/contract.
func Contract(t testing.TB, file string) string {
	t.Helper()
	return string(shared(t, "contract", file))
}

func shared(t testing.TB, name, file string) []byte {
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
	for {
		if _, err := os.Stat(filepath.Join(dir, "internal", "testenv")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no parent folder is the repository")
		dir = filepath.Dir(dir)
	}
}
