package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// serviceVar, if set, makes this program the other process of a task: the vendor's service,
// and the visitors of a proxy. Their CPU time is thus not measured.
const serviceVar = "CHATIDENT_BENCHMARKS_SERVICE"

// service is the other process.
type service struct {
	child
	url string
}

func startService() (*service, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serviceVar+"=1")
	c, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	s := &service{child: c}
	if err := s.out.Decode(&s.url); err != nil {
		s.stop()
		return nil, fmt.Errorf("the other process did not start: %w", err)
	}
	return s, nil
}

// post lets many visitors post to a URL at once and read the responses. It returns one of
// the responses.
func (s *service) post(url string, visitors int) (response string, err error) {
	if err := s.in.Encode(posts{url, visitors}); err != nil {
		return "", err
	}
	var o outcome
	if err := s.out.Decode(&o); err != nil {
		return "", err
	}
	if o.Err != "" {
		return "", errors.New(o.Err)
	}
	return o.Response, nil
}

// posts is a command to the other process.
type posts struct {
	URL      string
	Visitors int
}

// outcome is its result: one of the responses, or an error.
type outcome struct{ Response, Err string }

// serve runs the other process until its input ends.
func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, vendor()) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode("http://" + listener.Addr().String()); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for in := json.NewDecoder(os.Stdin); ; {
		var p posts
		if err := in.Decode(&p); err != nil {
			return nil
		}
		if err := out.Encode(p.send(client)); err != nil {
			return err
		}
	}
}

// send makes all requests at once.
func (p posts) send(client *http.Client) (o outcome) {
	var visitors sync.WaitGroup
	var mu sync.Mutex
	for range p.Visitors {
		visitors.Go(func() {
			response, err := post(client, p.URL)
			mu.Lock()
			defer mu.Unlock()
			o.Response = response
			if err != nil {
				o.Err = err.Error()
			}
		})
	}
	visitors.Wait()
	return o
}

func post(client *http.Client, url string) (string, error) {
	response, err := client.Post(url, "application/json", strings.NewReader(`{"message":"Where is my order?"}`))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200q", response.StatusCode, body)
	}
	return string(body), err
}

const (
	// A stream of the service has this many writes, with a pause before each.
	writes = 100
	pause  = time.Millisecond

	// Each write has one piece, as a model generates them, or a burst, as after a buffer on
	// the way.
	single = 1
	burst  = 10

	piece     = "Your order "
	replyText = "Your order shipped yesterday. It is with the carrier, and should be with you on Friday."
	metadata  = `{"userMessageId":"msg_788","conversationId":"456","userId":"user_8821","messageId":"msg_789","finishReason":"stop","usage":{"credits":1}}`
)

// vendor returns the service, which does as little as possible.
func vendor() http.Handler {
	mux := http.NewServeMux()
	const chat = "/api/v2/agents/123/chat"
	mux.HandleFunc("POST "+chat, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"data":{"id":"msg_789","role":"assistant","parts":[{"type":"text","text":%q}],"metadata":%s}}`, replyText, metadata)
	})
	for _, pieces := range []int{single, burst} {
		mux.HandleFunc(fmt.Sprintf("POST /%d", pieces)+chat, streams(pieces))
	}
	mux.HandleFunc("POST /api/v1/chatbots/123/contacts", upsert)
	return mux
}

// streams serves a stream with this many pieces in each write.
func streams(pieces int) http.HandlerFunc {
	deltas := strings.Repeat(deltaEvent, pieces)
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(events string) {
			_, _ = io.WriteString(w, events)
			_ = http.NewResponseController(w).Flush()
		}
		for range writes {
			time.Sleep(pause)
			send(deltas)
		}
		send(`data: {"type":"finish","finishReason":"stop","metadata":` + metadata + "}\n\n" + doneEvent)
	}
}

// upsert responds with the external ids of the request.
func upsert(w http.ResponseWriter, r *http.Request) {
	const key = `"external_id":`
	body, _ := io.ReadAll(r.Body)
	response := []byte(`{"message":"Contacts saved","data":[`)
	for i, rest := range bytes.Split(body, []byte(key))[1:] {
		if i > 0 {
			response = append(response, ',')
		}
		id, _, _ := bytes.Cut(rest, []byte(","))
		response = fmt.Appendf(response, `{"id":"contact_%d",%s%s,"name":"Ada Lovelace","email":"ada@example.com"}`, i, key, id)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(response, "]}"...))
}
