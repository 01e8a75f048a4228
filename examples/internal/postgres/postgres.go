//go:build unix

// Package postgres starts a PostgreSQL server for the tests of the examples.
package postgres

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/internal/testenv"
)

const password = "s3cret/päss word"

// Server is a PostgreSQL server on a loopback port.
type Server struct {
	Port int
	db   *sql.DB
	made int // databases
}

// Start runs a server until the test ends. Without PostgreSQL the test skips.
func Start(t *testing.T) *Server {
	t.Helper()
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // by Debian, never in PATH
	server := testenv.Program(t, "postgres", append(installed, "postgres")...)
	folder, process := otherUser(t)
	secret := filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(secret, []byte(password+"\n"), 0o644))
	data := filepath.Join(folder, "data")
	run := func(file string, args ...string) *exec.Cmd {
		cmd := exec.Command(file, args...)
		cmd.Dir, cmd.SysProcAttr = folder, process
		return cmd
	}
	out, err := run(filepath.Join(filepath.Dir(server), "initdb"), "-D", data, "-U", "shop", "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync").CombinedOutput()
	require.NoError(t, err, "%s", out)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{Port: free.Addr().(*net.TCPAddr).Port}
	require.NoError(t, free.Close())
	var log strings.Builder
	cmd := run(server, "-D", data, "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // which cuts the connections
		_ = cmd.Wait()
	})
	s.db, err = sql.Open("pgx", s.DSN("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	if !assert.Eventually(t, func() bool { return s.db.PingContext(t.Context()) == nil }, time.Minute, 50*time.Millisecond) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatal(log.String())
	}
	return s
}

// otherUser returns a folder, and how to start a process that may use it:
// PostgreSQL does not run as root.
func otherUser(t *testing.T) (folder string, process *syscall.SysProcAttr) {
	t.Helper()
	if os.Getuid() != 0 {
		return t.TempDir(), nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	require.NoError(t, err)
	uid, err := strconv.Atoi(account.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(account.Gid)
	require.NoError(t, err)
	folder, err = os.MkdirTemp("", "postgres") // that of t is closed to others
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chown(folder, uid, gid))
	return folder, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// DSN returns the URL of a database, with user and password.
func (s *Server) DSN(name string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", url.UserPassword("shop", password), s.Port, name)
}

// Database creates a database and opens it until the test ends.
func (s *Server) Database(t *testing.T) (dsn string, db *sql.DB) {
	t.Helper()
	s.made++
	name := fmt.Sprint("shop", s.made)
	_, err := s.db.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	db, err = sql.Open("pgx", s.DSN(name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return s.DSN(name), db
}
