package main

import (
	"flag"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var soakTime = flag.Duration("soak", time.Minute, "how long TestSoak takes")

// Customers use every page for a minute, or as long as -soak, while Bookbag fails in all
// its ways. Afterwards the number of goroutines, files and the heap have not grown. For ten
// minutes:
//
//	CHATIDENT_REQUIRE=load go test -run TestSoak -v ./examples/webapp -soak 10m -timeout 15m
func TestSoak(t *testing.T) {
	testenv.Load(t)
	logger := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // otherwise full of the injected faults
	t.Cleanup(func() { slog.SetDefault(logger) })
	s := start(t, nil)
	soak(t, s, 5*time.Second) // fills caches and pools
	before := takeSample(t)
	responses := soak(t, s, *soakTime)
	after := takeSample(t)
	t.Logf("responses in %s: %v", *soakTime, responses)
	t.Logf("before: %+v", before)
	t.Logf("after:  %+v", after)

	assert.LessOrEqual(t, after.goroutines, before.goroutines+10)
	assert.LessOrEqual(t, after.files, before.files+10)
	kept := responses["send 200"] * 16 << 10 // the stand-in keeps all messages
	assert.LessOrEqual(t, after.heap, before.heap+8<<20+kept)
	assert.Equal(t, 200, newVisitor(t, s).get("/").status)
}

// sample is what must not grow.
type sample struct{ heap, goroutines, files int }

func takeSample(t *testing.T) sample {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(2 * time.Second) // for goroutines that are about to end
	runtime.GC()
	runtime.GC() // collects what the first one finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Log("no file descriptors are counted: ", err)
	}
	return sample{int(m.HeapAlloc), runtime.NumGoroutine(), len(files)}
}

// soak runs eight concurrent customers, and returns the number of responses by action and
// status.
func soak(t *testing.T, s *site, d time.Duration) map[string]int {
	t.Helper()
	end := time.Now().Add(d)
	responses := map[string]int{}
	var mu sync.Mutex
	var crowd sync.WaitGroup
	for i := range 8 {
		c, err := newSoaker(s, demoCustomers[i%len(demoCustomers)])
		require.NoError(t, err)
		crowd.Go(func() {
			defer c.client.CloseIdleConnections()
			for time.Now().Before(end) {
				c.injectFault()
				action := soakActions[rand.N(len(soakActions))]
				status, err := action.do(c)
				assert.NoError(t, err, action.name)
				assert.Contains(t, action.allowed, status, action.name)
				mu.Lock()
				responses[action.name+" "+strconv.Itoa(status)]++
				mu.Unlock()
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		})
	}
	crowd.Wait()
	return responses
}

// soaker is a customer with an HTTP client.
type soaker struct {
	site     *site
	customer customer
	client   *http.Client
}

func newSoaker(s *site, c customer) (*soaker, error) {
	jar, err := cookiejar.New(nil)
	return &soaker{s, c, &http.Client{
		Jar:           jar,
		Transport:     &http.Transport{},
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, err
}

// injectFault makes Bookbag fail now and then.
func (c *soaker) injectFault() {
	switch rand.N(40) {
	case 0:
		faults := []chattest.Fault{
			chattest.BadGateway(), chattest.Drop(), chattest.Cut(rand.N(5)), chattest.StreamError(1, "no"), chattest.Noise(),
			chattest.Slow(100 * time.Millisecond), chattest.Status(402, "CHAT_CREDITS_EXHAUSTED"), chattest.Insert(1, "data: {no JSON\n\n"),
		}
		c.site.bookbag.Chat.Script(faults[rand.N(len(faults))])
	case 1:
		faults := []contactstest.Fault{
			contactstest.BadGateway(), contactstest.Drop(), contactstest.DropAfter(), contactstest.FailAfter(), contactstest.Slow(100 * time.Millisecond),
		}
		c.site.bookbag.Contacts.Script(faults[rand.N(len(faults))])
	}
}

// soakActions are the customers' actions with the statuses that they may result in. None
// allows a 500.
var soakActions = []struct {
	name    string
	allowed []int
	do      func(*soaker) (int, error)
}{
	{"look", []int{200}, func(c *soaker) (int, error) {
		return c.ask("GET", []string{"/", "/chat", "/actions", "/attacks", "/login", "/style.css"}[rand.N(6)], "", "")
	}},
	{"token", []int{200}, func(c *soaker) (int, error) { return c.ask("GET", "/api/megadesk-identity", "", "") }},
	{"sign in", []int{303}, func(c *soaker) (int, error) {
		return c.ask("POST", "/login", form, "username="+c.customer.Username+"&password="+c.customer.Username)
	}},
	{"sign out", []int{303}, func(c *soaker) (int, error) { return c.ask("POST", "/logout", form, "") }},
	{"account", []int{200}, func(c *soaker) (int, error) { return c.ask("GET", "/account", "", "") }},
	{"save", []int{303}, func(c *soaker) (int, error) {
		return c.ask("POST", "/account", form, "customer="+c.customer.ID+"&first_name="+c.customer.FirstName+"&last_name=&plan="+plans[rand.N(3)])
	}},
	{"history", []int{200, 401, 429, 502, 503, 504}, func(c *soaker) (int, error) { return c.ask("GET", "/api/chat/conversations", "", "") }},
	{"send", []int{200, 401, 429, 502, 503, 504}, func(c *soaker) (int, error) {
		return c.ask("POST", "/api/chat/messages", "application/json", `{"message":"How long does a refund take?"}`)
	}},
	{"another's ticket", []int{401, 404, 429}, func(c *soaker) (int, error) {
		return c.ask("POST", "/api/chat/messages", "application/json", `{"message":"Hello","conversation":"v1.456.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	}},
	{"forged action", []int{401}, func(c *soaker) (int, error) { return c.ask("GET", ordersPath, "", "") }},
	{"no page", []int{404}, func(c *soaker) (int, error) { return c.ask("GET", "/no/page", "", "") }},
}

const form = "application/x-www-form-urlencoded"

// ask sends a request. It sometimes abandons the response before its end.
func (c *soaker) ask(method, path, contentType, body string) (int, error) {
	r, err := http.NewRequest(method, c.site.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if rand.N(4) == 0 {
		_, err = io.CopyN(io.Discard, res.Body, 100)
	} else {
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err == io.EOF { // shorter than the 100
		err = nil
	}
	return res.StatusCode, err
}
