package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts"
)

const mainVar = "SYNCUSERS_MAIN"

// TestMain runs the command itself if the variable is set.
func TestMain(m *testing.M) {
	switch role := os.Getenv(mainVar); {
	case strings.HasPrefix(role, "http"):
		if err := runTo(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitCode(err))
		}
		return
	case role != "":
		main()
		return
	}
	os.Exit(m.Run())
}

// runTo is the command with a fake at a URL.
func runTo(url string, args []string) error {
	ctx := context.Background()
	cfg, err := parseConfig(args, func(string) string { return "" }, os.Stdout)
	if err != nil {
		return err
	}
	client, err := contacts.New("oc_test_contactstest", 123, &contacts.Options{BaseURL: url})
	if err != nil {
		return err
	}
	return synchronize(ctx, ctx, cfg, service{client, "a fake", func() {}}, os.Stdout)
}

// command is the program with a checkpoint file of its folder.
func command(t *testing.T, folder string, args ...string) (cmd *exec.Cmd, stdout io.ReadCloser, stderr *bytes.Buffer) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd = exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), mainVar+"=1", "BOOKBAG_API_KEY=", "BOOKBAG_AGENT_ID=")
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	stdout, err = cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, stdout, stderr
}

const demoOutput = `From a demo table to a fake of Bookbag.
     10%
     20%
     30%
     40%
     50%
     60%
     70%
     80%
     90%
    100%
   50000 rows read
   49996 saved
       4 rejected: not saved
       0 unknown: may be saved, send them again
       0 not attempted
key 17, external id "", rejected: row.Fields.ExternalID: must not be empty or consist only of slashes
key 404, external id "..", rejected: row.Fields.ExternalID: must not be . or .., or contain one between slashes
key 1999, external id "user_01999", rejected: input.CustomAttributes["orders"]: expected number, got text
key 31337, external id "user_31337", rejected: custom_attributes.member_since must be of type date
`

func TestRun_Demo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cmd, stdout, stderr := command(t, folder)
	out, err := io.ReadAll(stdout)
	require.NoError(t, err)
	assert.Equal(t, demoOutput, string(out))
	assert.EqualError(t, cmd.Wait(), "exit status 1")
	assert.Equal(t, "syncusers: some rows failed, for the reasons above\n", stderr.String())
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is left behind")
}

func TestRun_DemoResumed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cmd, stdout, stderr := command(t, folder, "-rows", "60000", "-demo", "demo.db")
	var first strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); first.WriteString(lines.Text() + "\n") {
		if strings.Contains(lines.Text(), " 30%") {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	assert.EqualError(t, cmd.Wait(), "exit status 1")
	assert.Equal(t, "syncusers: sending the rows that were read; interrupt again to stop at once\nsyncusers: stopped\nTo continue at the last checkpoint, run it again with -resume.\n", stderr.String())
	n := counts(t, first.String())
	assert.Equal(t, n[0], n[1]+n[2], "calls that were under way came to their end")
	assert.Less(t, n[1], 60_000)
	assert.FileExists(t, filepath.Join(folder, "syncusers.checkpoint"))

	cmd, stdout, stderr = command(t, folder, "-resume", "-demo", "demo.db")
	out, err := io.ReadAll(stdout)
	require.NoError(t, err)
	_ = cmd.Wait()
	assert.Regexp(t, `Continuing after the key \d+\.`, string(out))
	rest := counts(t, string(out))
	assert.GreaterOrEqual(t, n[1]+n[2]+rest[0], 60_000, "each row was dealt with in one of the runs: %s", stderr)
	assert.Less(t, rest[0], 60_000)
	assert.NoFileExists(t, filepath.Join(folder, "syncusers.checkpoint"))
}

func TestRun_Usage(t *testing.T) {
	t.Parallel()
	query := []string{"-query", "SELECT 1 AS external_id"}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		want string
		env  map[string]string
		args []string
	}{
		{"unexpected argument", nil, []string{"rest"}},
		{"flag provided but not defined: -nosuch", nil, []string{"-nosuch"}},
		{"set both, or neither", nil, []string{"-dsn", "shop.db"}},
		{"set both, or neither", nil, query},
		{"must not be empty", nil, append(query, "-dsn", "")},
		{"for the demo table", nil, append(query, "-dsn", "shop.db", "-rows", "7")},
		{"-rows must be from 1", nil, []string{"-rows", "0"}},
		{"-checkpoint must not be empty", nil, []string{"-checkpoint", ""}},
		{"must be different files", nil, []string{"-checkpoint", "x", "-failed", "x"}},
		{"set both, or neither", map[string]string{"BOOKBAG_API_KEY": "oc_k3y"}, nil},
		{"not for the real service", map[string]string{"BOOKBAG_API_KEY": "oc_k3y", "BOOKBAG_AGENT_ID": "1"}, nil},
		{"BOOKBAG_AGENT_ID: ", map[string]string{"BOOKBAG_API_KEY": "oc_k3y", "BOOKBAG_AGENT_ID": "x"}, append(query, "-dsn", "shop.db")},
		{"BOOKBAG_API_KEY: ", map[string]string{"BOOKBAG_API_KEY": "oc_k3y\n!", "BOOKBAG_AGENT_ID": "1"}, append(query, "-dsn", "shop.db")},
		{"must have the form postgres://", nil, append(query, "-dsn", "host=localhost password=k3y")},
		{"must have the form postgres://", nil, append(query, "-dsn", "postgres://shop:k3y%zz@localhost/shop")},
		{"there is no checkpoint in", nil, []string{"-resume", "-rows", "10", "-checkpoint", missing}},
	} {
		var out strings.Builder
		err := run(t.Context(), t.Context(), c.args, func(name string) string { return c.env[name] }, &out)
		assert.ErrorContains(t, err, c.want)
		assert.Equal(t, 2, exitCode(err), "%v", err)
		assert.NotContains(t, err.Error()+out.String(), "k3y")
	}
	var out strings.Builder
	assert.Equal(t, 0, exitCode(run(t.Context(), t.Context(), []string{"-h"}, os.Getenv, &out)))
	assert.Contains(t, out.String(), "-checkpoint file")
	err := run(t.Context(), t.Context(), append(query, "-dsn", missing), func(string) string { return "" }, &out)
	assert.ErrorContains(t, err, missing)
	assert.NoFileExists(t, missing)
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "checkpoint")
	place := checkpoint{file: file, Source: "shop", Query: "SELECT", Target: "agent 1"}
	saved := place
	require.NoError(t, saved.save(`"a"`, 0))
	require.NoError(t, saved.save(`"b"`, 7))
	again := place
	require.NoError(t, again.load())
	assert.Equal(t, saved, again)
	for _, other := range []checkpoint{
		{file: file, Source: "test", Query: "SELECT", Target: "agent 1"},
		{file: file, Source: "shop", Query: "SELECT ", Target: "agent 1"},
		{file: file, Source: "shop", Query: "SELECT", Target: "agent 2"},
	} {
		assert.ErrorContains(t, other.load(), "of another run, from shop to agent 1")
	}
	for _, bad := range []string{"", "{}", "no JSON"} {
		require.NoError(t, os.WriteFile(file, []byte(bad), 0o600))
		assert.ErrorContains(t, place.load(), "is no checkpoint")
	}
	require.NoError(t, place.remove())
	require.NoError(t, place.remove())
	files, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Empty(t, files, "no temporary files are left")
	place.file = filepath.Join(file, "nowhere")
	assert.ErrorContains(t, place.save("1", 0), "writing the checkpoint")
}
