package faults

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/hmachash"
)

const (
	crowd       = 2000
	slowReaders = 300
	hugeBodies  = 400
	aFew        = 50 // of those that come one after the other
)

// abusers are the other process: the service of the bot, and visitors who mean
// harm. It says where the service is, hears the name of an attack and where the
// site is, says when the attack is under way, hears when it is to end, and says
// what came of it.
func abusers() error {
	fake, err := chattest.New(&chattest.Options{APIKey: testKey})
	if err != nil {
		return err
	}
	service := httptest.NewUnstartedServer(fake)
	service.Config.ConnContext = smallBuffers
	service.Start()
	defer service.Close()
	attacks := map[string]func(site string) (end func() string, err error){
		"stalled bodies":        stalledBodies,
		"bodies over the limit": bodiesOverTheLimit,
		"slow readers":          func(site string) (func() string, error) { return readSlowly(site, fake) },
		"lookups that hang":     lookupsThatHang,
		"lookups that panic":    lookupsThatPanic,
	}
	fmt.Println(service.URL)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		name, site, _ := strings.Cut(in.Text(), "\t")
		end, err := attacks[name](site)
		if err != nil {
			return err
		}
		fmt.Println("begun")
		in.Scan()
		fmt.Println(end())
	}
	return nil
}

// stalledBodies sends whole headers and the beginning of a body, and waits for
// the server to have enough of it.
func stalledBodies(site string) (func() string, error) {
	stranger := signed("1")
	stranger.Set("X-Api-Key", "a guess")
	conns, err := crowdOf(crowd, site, func(i int) request {
		return []request{
			{"GET", "/api/megadesk-identity", header("Ada"), ""},
			{"POST", "/chat/messages", header(fmt.Sprint("user-", i)), `{"message":`},
			{"POST", "/ainisa/orders", signed("1"), "{"},
			{"POST", "/ainisa/orders", stranger, "{"},
		}[i%4]
	}, "Content-Length: 1000\r\n")
	return func() string { return responsesOf(conns) }, err
}

// readSlowly asks for replies that never end, and reads none of them.
func readSlowly(site string, fake *chattest.Fake) (func() string, error) {
	endless := chattest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, `data: {"type":"text-delta","text":"`+strings.Repeat("word ", 100)+"\"}\n\n")
		}
	})
	fake.Script(slices.Repeat([]chattest.Fault{endless}, slowReaders)...)
	const message = `{"message":"Tell me all"}`
	conns, err := crowdOf(slowReaders, site, func(i int) request {
		return request{"POST", "/chat/messages", header(fmt.Sprint("reader-", i)), message}
	}, fmt.Sprintf("Content-Length: %d\r\n", len(message)))
	time.Sleep(time.Second) // until all buffers are full
	return func() string { return leave(conns) }, err
}

func lookupsThatHang(site string) (func() string, error) {
	conns, err := crowdOf(crowd, site, func(i int) request {
		return []request{
			{"GET", "/api/megadesk-identity", header("hangs"), ""},
			{"GET", "/chat/conversations", header("hangs"), ""},
		}[i%2]
	}, "")
	return func() string { return leave(conns) }, err
}

func lookupsThatPanic(site string) (func() string, error) {
	return oneByOne(crowd, site, func(i int) request {
		return []request{
			{"GET", "/api/megadesk-identity", header("panics"), ""},
			{"POST", "/chat/messages", header("panics"), `{"message":"Hello"}`},
		}[i%2]
	}), nil
}

func bodiesOverTheLimit(site string) (func() string, error) {
	huge := `{"message":"` + strings.Repeat("a", 2<<20) + `"}`
	return oneByOne(hugeBodies, site, func(i int) request {
		return []request{
			{"GET", "/api/megadesk-identity", header("Ada"), huge},
			{"POST", "/chat/messages", header(fmt.Sprint("user-", i)), huge},
			{"POST", "/chat/ai-sdk", header(fmt.Sprint("user-", i)), huge},
			{"POST", "/ainisa/orders", signed("1"), huge},
		}[i%4]
	}), nil
}

// crowdOf opens connections, and sends a request on each, as far as it goes.
func crowdOf(n int, site string, of func(i int) request, more string) (conns []net.Conn, err error) {
	u, err := url.Parse(site)
	if err != nil {
		return nil, err
	}
	for i := range n {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			return conns, err
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		conns = append(conns, conn)
		r := of(i)
		var head strings.Builder
		fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, u.Host)
		_ = r.header.Write(&head)
		if _, err := io.WriteString(conn, head.String()+more+"\r\n"+r.body); err != nil {
			return conns, err
		}
	}
	return conns, nil
}

// responsesOf reads until the server ends the connections, half a minute at most.
func responsesOf(conns []net.Conn) string {
	var seen tally
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				seen.add(err.Error())
				return
			}
			_, err = io.Copy(io.Discard, io.MultiReader(res.Body, in))
			if err != nil {
				seen.add(fmt.Sprint(res.StatusCode, ", ", err))
				return
			}
			seen.add(res.Status)
		})
	}
	wg.Wait()
	return seen.String()
}

func leave(conns []net.Conn) string {
	for _, conn := range conns {
		_ = conn.Close()
	}
	return fmt.Sprint(len(conns), " leave")
}

// oneByOne sends requests, a few at a time. What it returns waits for the last.
func oneByOne(n int, site string, of func(i int) request) (end func() string) {
	var seen tally
	var wg sync.WaitGroup
	next := make(chan int)
	for range aFew {
		wg.Go(func() {
			for i := range next {
				status, _, err := of(i).send(site)
				if err != nil {
					seen.add("cut off")
					continue
				}
				seen.add(fmt.Sprint(status, " ", http.StatusText(status)))
			}
		})
	}
	wg.Go(func() {
		defer close(next)
		for i := range n {
			next <- i
		}
	})
	return func() string {
		wg.Wait()
		return seen.String()
	}
}

// tally counts what was seen.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what]++
}

func (t *tally) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(t.counts)) {
		all = append(all, fmt.Sprintf("%d x %s", t.counts[what], what))
	}
	return strings.Join(all, ", ")
}

// request is one to the site.
type request struct {
	method, path string
	header       http.Header
	body         string
}

func header(user string) http.Header {
	return http.Header{"X-User": {user}, "Content-Type": {"application/json"}}
}

func signed(id string) http.Header {
	hasher, err := hmachash.New(ainisaKey, nil)
	if err != nil {
		panic(err)
	}
	hash, err := hasher.Hash(id)
	if err != nil {
		panic(err)
	}
	return http.Header{"X-User-Id": {id}, "X-User-Hash": {hash}, "X-Api-Key": {actionKey}}
}

// send sends the request on a new connection.
func (r request) send(site string) (status int, body string, err error) {
	out, err := http.NewRequest(r.method, site+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	out.Header = r.header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	res, err := client.Do(out)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}
