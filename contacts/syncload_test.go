package contacts_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const peerVar = "CHATIDENT_SYNC_PEER"

// TestMain makes this program the other process of a test, if an environment variable is set
// be: a service that counts, or a run that will be killed.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(peerVar) {
	case "":
		os.Exit(m.Run())
	case "service":
		err = countingService()
	case "run":
		err = runToBeKilled(os.Args[1], os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func peer(t *testing.T, role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), peerVar+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// digest is the same in whatever order the rows come.
type digest struct{ rows, sum atomic.Uint64 }

func (d *digest) add(row []byte) {
	h := fnv.New64a()
	_, _ = h.Write(row)
	d.rows.Add(1)
	d.sum.Add(h.Sum64())
}

func (d *digest) String() string { return fmt.Sprint(d.rows.Load(), " ", d.sum.Load()) }

func loadID(i int) string { return fmt.Sprintf("user_%07d", i) }

func loadRow(i int) contacts.Row {
	in := newTestFields(loadID(i), "Ada Lovelace")
	in.Email = contacts.Set("ada@example.com")
	return contacts.Row{Fields: in, Cursor: strconv.Itoa(i)}
}

// The memory of a run does not grow with the table, from what is in hand at a time
// anyway to a million rows, whether all rows are saved or none is, and each one is
// accounted for. The service is another process, so that what is measured is the
// run's.
func TestSync_Memory(t *testing.T) {
	testenv.Load(t)
	service := peer(t, "service")
	tell, err := service.StdinPipe()
	require.NoError(t, err)
	out, err := service.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, service.Start())
	told := bufio.NewScanner(out)
	hear := func() string {
		require.True(t, told.Scan(), "the other process ended early")
		return told.Text()
	}
	url := hear()

	for name, test := range map[string]struct {
		agent     int64
		few, many int
	}{
		"every row is saved":    {1, 10_000, loadRows},
		"every row is rejected": {2, 5_000, loadRows / 50}, // each one alone
	} {
		t.Run(name, func(t *testing.T) {
			c, err := contacts.New(key, test.agent, &contacts.Options{
				BaseURL: url, HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, Limiter: unlimited{},
			})
			require.NoError(t, err)
			few := peakOfSync(t, c, test.few, test.agent == 1)
			fmt.Fprintln(tell)
			came := []string{hear()}
			many := peakOfSync(t, c, test.many, test.agent == 1)
			fmt.Fprintln(tell)
			if came = append(came, hear()); test.agent == 1 {
				assert.Equal(t, []string{loadDigest(test.few), loadDigest(test.many)}, came, "each row came once")
			}
			assert.Less(t, many, few+32<<20)
		})
	}
	require.NoError(t, tell.Close())
	require.NoError(t, service.Wait())
}

// loadDigest is the digest of the service for a number of rows.
func loadDigest(rows int) string {
	var d digest
	for i := range rows {
		d.add(fmt.Appendf(nil, `"%s","name":"Ada Lovelace","email":"ada@example.com"`, loadID(i)))
	}
	return d.String()
}

// peakOfSync is a run of a number of rows, which are all saved or all rejected. It
// returns the largest live heap.
func peakOfSync(t *testing.T, c *contacts.Client, rows int, saved bool) uint64 {
	var ids, failed digest
	for i := range rows {
		ids.add([]byte(loadID(i)))
	}
	table := func(yield func(contacts.Row, error) bool) {
		for i := 0; i < rows && yield(loadRow(i), nil); i++ {
		}
	}
	peak := sampleHeap()
	begun := time.Now()
	report, err := c.Sync(t.Context(), iter.Seq2[contacts.Row, error](table), &contacts.SyncOptions{
		OnFailure: func(_ context.Context, f contacts.Failure) error {
			id, _ := f.Row.Fields.ExternalID.Get()
			failed.add([]byte(id))
			if !strings.Contains(f.Reason(), id) {
				return fmt.Errorf("%s has the reason of another: %s", id, f.Reason())
			}
			return nil
		},
	})
	took, used := time.Since(begun), peak()
	t.Logf("%d rows in %v, at most %.1f MB of live heap", rows, took.Round(time.Millisecond), float64(used)/(1<<20))
	assert.Equal(t, rows, report.Read)
	assert.Equal(t, strconv.Itoa(rows-1), report.Cursor)
	if saved {
		require.NoError(t, err)
		assert.Equal(t, rows, report.Acknowledged)
	} else {
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		assert.Equal(t, rows, report.Rejected)
		assert.Equal(t, ids.String(), failed.String())
	}
	return used
}

// sampleHeap begins to look, and returns a function that ends that and tells the
// highest.
func sampleHeap() func() uint64 {
	runtime.GC()
	end, highest := make(chan bool), make(chan uint64)
	go func() {
		var peak uint64
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-end:
				tick.Stop()
				highest <- peak
				return
			}
		}
	}()
	return func() uint64 { close(end); return <-highest }
}

// countingService keeps no rows. It says where it is, and for each line that it
// hears how many rows came since the last one, and their digest.
func countingService() error {
	var seen atomic.Pointer[digest]
	seen.Store(&digest{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		body = bytes.TrimSuffix(bytes.TrimPrefix(body, []byte(`{"users":[{"external_id":`)), []byte(`}]}`))
		var response bytes.Buffer
		reject := strings.Contains(r.URL.Path, "/chatbots/2/")
		begin := `{"message":"Contacts saved","data":[`
		if reject {
			begin = `{"message":"Invalid request data","issues":[`
		}
		response.WriteString(begin)
		n := 0
		for row := range bytes.SplitSeq(body, []byte(`},{"external_id":`)) {
			seen.Load().add(row)
			id, _, _ := bytes.Cut(row, []byte(","))
			if n > 0 {
				response.WriteByte(',')
			}
			if reject {
				fmt.Fprintf(&response, `{"field":"users[%d].email","message":"not the address of %s"}`, n, bytes.Trim(id, `"`))
			} else {
				fmt.Fprintf(&response, `{"external_id":%s}`, id)
			}
			n++
		}
		response.WriteString(`]}`)
		if reject {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(response.Bytes())
	}))
	defer server.Close()
	fmt.Println(server.URL)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(seen.Swap(&digest{}))
	}
	return nil
}

// A run whose process is killed in the middle is completed by a second one from
// the last checkpoint that was written down, also when rows came and went
// meanwhile, that of the checkpoint among them.
func TestSync_AfterAKill(t *testing.T) {
	const n = 3000
	_, fake := newLoopbackClient(t, nil, nil)
	kill := make(chan bool)
	calls := 0
	faults := slices.Repeat([]contactstest.Fault{func(normal http.Handler) http.Handler {
		calls++
		if calls == 40 {
			close(kill)
		}
		return normal
	}}, 60)
	fake.Script(faults...)
	server := fake.Start()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	table, checkpoint := dir+"/table", dir+"/checkpoint"
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("user_%05d", 10*i))
	}
	writeTable(t, table, ids)

	first := peer(t, "run", server.URL, table, checkpoint)
	require.NoError(t, first.Start())
	<-kill
	require.NoError(t, first.Process.Kill())
	assert.Error(t, first.Wait(), "it was killed in the middle")
	last, err := os.ReadFile(checkpoint)
	require.NoError(t, err)
	held := len(fake.Contacts())
	assert.Greater(t, held, 0)
	assert.Less(t, held, n)
	at := slices.Index(ids, string(last))
	require.GreaterOrEqual(t, at, 0)
	t.Logf("killed with %d of %d rows saved and a checkpoint after %d", held, n, at+1)

	gone := []string{ids[0], ids[at], ids[at+1], ids[n-1]} // that of the checkpoint too
	came := []string{string(last) + "x", "user_00015", "user_29985", "user_99999"}
	ids = slices.DeleteFunc(append(ids, came...), func(id string) bool { return slices.Contains(gone, id) })
	slices.Sort(ids)
	writeTable(t, table, ids)
	second := peer(t, "run", server.URL, table, checkpoint)
	require.NoError(t, second.Run())
	now := externalIDs(fake)
	for _, id := range ids {
		if id != "user_00015" { // it came before the cursor: for the next run from the beginning
			assert.Contains(t, now, id)
		}
	}
	assert.NotContains(t, now, "user_00015")
	require.NoError(t, os.Remove(checkpoint))
	require.NoError(t, peer(t, "run", server.URL, table, checkpoint).Run())
	assert.Contains(t, externalIDs(fake), "user_00015")
}

func writeTable(t *testing.T, file string, ids []string) {
	b, err := json.Marshal(ids)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, b, 0o600))
}

// runToBeKilled synchronizes a table of external ids, from the checkpoint
// that a file has, if it is there.
func runToBeKilled(url, table, checkpoint string) error {
	b, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	var ids []string
	if err := json.Unmarshal(b, &ids); err != nil {
		return err
	}
	after, _ := os.ReadFile(checkpoint) // there is none at first
	c, err := contacts.New(key, agent, &contacts.Options{BaseURL: url})
	if err != nil {
		return err
	}
	rows := func(yield func(contacts.Row, error) bool) {
		for _, id := range ids { // WHERE id > $1 ORDER BY id
			if id > string(after) && !yield(contacts.Row{Fields: newTestFields(id, "Ada"), Cursor: id}, nil) {
				return
			}
		}
	}
	_, err = c.Sync(context.Background(), rows, &contacts.SyncOptions{
		BatchSize: 20,
		OnCheckpoint: func(_ context.Context, cursor string) error {
			if err := os.WriteFile(checkpoint+".new", []byte(cursor), 0o600); err != nil {
				return err
			}
			return os.Rename(checkpoint+".new", checkpoint)
		},
	})
	return err
}
