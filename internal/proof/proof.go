// Package proof finds what some tests need beside Go: Node with the packages of
// a folder, Chromium, nginx, Redis, PostgreSQL, the published vectors, and
// the time for a test under load.
//
// Where it is missing, a test skips with a line that says what to do; where
// CHATIDENT_REQUIRE names it (node, chromium, nginx, redis, postgres,
// vectors, load, separated by commas), the test fails instead.
package proof

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Node runs a script of the folder node with input as JSON on its standard
// input, and decodes the JSON of its standard output into output.
func Node(t testing.TB, script string, input, output any) {
	t.Helper()
	dir := NodePackages(t, "internal/proof/node")
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

// NodePackages returns the path of a folder, named from the root of the repository,
// that has the packages of its package.json, where there is a Node to use them.
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

// Chromium returns the path of a Chromium to drive.
func Chromium(t testing.TB) string {
	t.Helper()
	return program(t, "chromium", "install Chromium or Chrome", "chromium", "chromium-browser", "google-chrome")
}

// Nginx returns the path of an nginx to start.
func Nginx(t testing.TB) string {
	t.Helper()
	return program(t, "nginx", "install nginx", "nginx", "/usr/sbin/nginx") // which is not in everybody's PATH
}

// Redis returns the path of a redis-server to start.
func Redis(t testing.TB) string {
	t.Helper()
	return program(t, "redis", "install redis-server", "redis-server")
}

// Postgres returns the path of a PostgreSQL server to start, which has its initdb
// beside it.
func Postgres(t testing.TB) string {
	t.Helper()
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // which is in nobody's PATH
	return program(t, "postgres", "install postgresql", append(debian, "postgres")...)
}

// program returns the path of the first of the files that is there.
func program(t testing.TB, what, advice string, files ...string) string {
	t.Helper()
	for _, file := range files {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	missing(t, what, advice)
	return ""
}

// Load lets a test go on that puts the machine under load, and so only runs
// where it is asked for.
func Load(t testing.TB) {
	t.Helper()
	if !required("load") {
		t.Skip("this test puts the machine under load: to run it, name load in CHATIDENT_REQUIRE")
	}
}

// Vectors decodes a JSON file of the folder that CHATIDENT_VECTORS names,
// relative to the repository or absolute.
func Vectors(t testing.TB, file string, v any) {
	t.Helper()
	dir := os.Getenv("CHATIDENT_VECTORS")
	if dir == "" {
		missing(t, "vectors", "set CHATIDENT_VECTORS to the folder with "+file)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root(t), dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

func missing(t testing.TB, what, advice string) {
	t.Helper()
	if required(what) {
		t.Fatalf("CHATIDENT_REQUIRE names %s, and it is not there: %s", what, advice)
	}
	t.Skipf("%s is not there: to run this test, %s", what, advice)
}

func required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv("CHATIDENT_REQUIRE"), ","), what)
}

// root returns the folder of the repository, found from the test's own.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "internal", "proof")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "the repository was not found")
		dir = parent
	}
}
