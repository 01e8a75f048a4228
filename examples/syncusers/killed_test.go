package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
)

// testKilled kills the program ten times at random, and lets it continue. Afterwards
// the service has each good row, and the file of failed rows each bad one, once.
func testKilled(t *testing.T, d database) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no SIGKILL")
	}
	const rows, kills = 60_000, 10
	d.exec(t, makeCustomers)
	d.exec(t, addCustomers, 1, rows)
	bad := []string{}
	for i := range 20 {
		id := 1 + i*rows/20 + rand.N(rows/20)
		bad = append(bad, fmt.Sprint(id))
		d.exec(t, `UPDATE customer SET since = 'soon' WHERE id = $1`, id)
	}
	fake, err := contactstest.New(nil)
	require.NoError(t, err)
	server := fake.Start()
	defer server.Close()
	folder := t.TempDir()
	failed := filepath.Join(folder, "failed.jsonl")
	for killed := 0; ; {
		args := []string{"-dsn", d.dsn, "-query", selectCustomers, "-checkpoint", filepath.Join(folder, "checkpoint"), "-failed", failed}
		if _, err := os.Stat(filepath.Join(folder, "checkpoint")); err == nil {
			args = append(args, "-resume")
		}
		program, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), mainVar+"="+server.URL)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		require.NoError(t, cmd.Start())
		if killed < kills {
			killAfter(fake, cmd, 2+rand.N(14))
		}
		if err = cmd.Wait(); strings.Contains(err.Error(), "killed") {
			killed++
			continue
		}
		require.EqualError(t, err, "exit status 1", stderr.String())
		if killed == kills {
			break
		}
	}
	assert.NoFileExists(t, filepath.Join(folder, "checkpoint"))
	now := held(fake)
	assert.Len(t, now, rows-len(bad))
	for id := 1; id <= rows; id++ {
		contact, saved := now[fmt.Sprint("user_", id)]
		if saved == slices.Contains(bad, fmt.Sprint(id)) || saved && *contact.Email != fmt.Sprint(id, "@example.com") {
			t.Fatalf("row %d: saved: %v", id, saved)
		}
	}
	lines, err := os.ReadFile(failed)
	require.NoError(t, err)
	listed := []string{}
	for line := range strings.Lines(string(lines)) {
		var l struct{ Key json.Number }
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		listed = append(listed, l.Key.String())
	}
	assert.Equal(t, bad, listed, "in the order of the keys, each once")
}

// killAfter kills the program after the fake has received this many more requests.
func killAfter(fake *contactstest.Fake, cmd *exec.Cmd, requests int) {
	var mu sync.Mutex
	var once sync.Once
	fault := func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			requests--
			last := requests <= 0
			mu.Unlock()
			if last {
				once.Do(func() { _ = cmd.Process.Kill() })
			}
			normal.ServeHTTP(w, r)
		})
	}
	fake.Script(slices.Repeat([]contactstest.Fault{fault}, requests)...)
}
