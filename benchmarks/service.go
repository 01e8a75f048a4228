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

// serviceVar makes this program the other process of a work that goes over
// loopback: the vendor's service, and the visitors of a proxy. What these cost is
// not measured then.
const serviceVar = "CHATIDENT_BENCHMARKS_SERVICE"

// service is that process, as this one sees it.
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

// visit has many visitors post to a URL at once, and read what they get. It
// returns what one of them got.
func (s *service) visit(url string, visitors int) (got string, err error) {
	if err := s.in.Encode(visits{url, visitors}); err != nil {
		return "", err
	}
	var o outcome
	if err := s.out.Decode(&o); err != nil {
		return "", err
	}
	if o.Err != "" {
		return "", errors.New(o.Err)
	}
	return o.Got, nil
}

type visits struct {
	URL      string
	Visitors int
}

type outcome struct{ Got, Err string }

// serve is what the other process does, until its input ends.
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
		var v visits
		if err := in.Decode(&v); err != nil {
			return nil
		}
		if err := out.Encode(v.pay(client)); err != nil {
			return err
		}
	}
}

// pay makes the visits, all at once.
func (v visits) pay(client *http.Client) (o outcome) {
	var visitors sync.WaitGroup
	var mu sync.Mutex
	for range v.Visitors {
		visitors.Go(func() {
			got, err := post(client, v.URL)
			mu.Lock()
			defer mu.Unlock()
			o.Got = got
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
	// A stream of the service has so many writes, with a pause before each.
	writes = 100
	pause  = time.Millisecond

	// Each has one piece, as when a model is watched while it works, or a burst of
	// them, as when something between gathers them.
	single = 1
	burst  = 10

	piece     = "Your order "
	replyText = "Your order shipped yesterday. It is with the carrier, and should be with you on Friday."
	metadata  = `{"userMessageId":"msg_788","conversationId":"456","userId":"user_8821","messageId":"msg_789","finishReason":"stop","usage":{"credits":1}}`
)

// vendor is a service that does no more than it must.
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

// streams has so many pieces in each write.
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

// upsert responds with the external ids that it got.
func upsert(w http.ResponseWriter, r *http.Request) {
	const key = `"external_id":`
	body, _ := io.ReadAll(r.Body)
	answer := []byte(`{"message":"Contacts saved","data":[`)
	for i, rest := range bytes.Split(body, []byte(key))[1:] {
		if i > 0 {
			answer = append(answer, ',')
		}
		id, _, _ := bytes.Cut(rest, []byte(","))
		answer = fmt.Appendf(answer, `{"id":"contact_%d",%s%s,"name":"Ada Lovelace","email":"ada@example.com"}`, i, key, id)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(answer, "]}"...))
}
