// Package usechat tests chatproxy with useChat of the AI SDK 5, 6 and 7, in Node and in
// Chromium.
package usechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

var majors = []string{"5", "6", "7"}

// bundles builds usechat.jsx and guide.jsx with each major of the AI SDK, once for all
// tests, and returns the folder of v5.js, guide5.js and so on.
func bundles(t *testing.T) string {
	t.Helper()
	packages := testenv.NodePackages(t, "examples/usechat")
	dir := buildOnce(packages)
	require.NoError(t, buildError)
	return dir
}

var (
	built      sync.Once
	buildDir   string
	buildError error
)

func buildOnce(packages string) string {
	built.Do(func() {
		if buildDir, buildError = os.MkdirTemp("", "usechat"); buildError != nil {
			return
		}
		for _, major := range majors {
			build := func(source, format, bundle string) error {
				esbuild := exec.Command(filepath.Join(packages, "node_modules", ".bin", "esbuild"), source,
					"--bundle", "--minify", "--jsx=automatic", "--format="+format, "--log-level=error",
					"--alias:ai=ai-v"+major, "--alias:@ai-sdk/react=react-v"+major, "--outfile="+filepath.Join(buildDir, bundle))
				esbuild.Dir = packages
				if output, err := esbuild.CombinedOutput(); err != nil {
					return fmt.Errorf("%w: %s", err, output)
				}
				return nil
			}
			buildError = errors.Join(buildError, build("usechat.jsx", "esm", "v"+major+".js"), build("guide.jsx", "iife", "guide"+major+".js"))
		}
	})
	return buildDir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// site is a site with the proxy at /chat and a fake of the service.
type site struct {
	fake *chattest.Fake
	bot  *chatclient.Client
	url  string
	cut  func() // the connections of all pages

	mu    sync.Mutex
	turns []chattest.Turn // of the assistant, in order
	errs  []error         // of OnError

	signedIn chatclient.UserID  // who was anonymous before
	session  *chatproxy.Visitor // if non-nil, of each cookie
	visited  []string           // the paths of stops and sign-outs, in order

	stopDelay  atomic.Int64  // in nanoseconds, before a stop
	stops      atomic.Int64  // the number of stops that have ended
	toolMayEnd chan struct{} // if non-nil, the tool of the server waits until it is closed
	toolRuns   atomic.Int64
	mayLoad    atomic.Pointer[chan struct{}] // if non-nil, the next page of messages waits until it is closed

	proxy     *chatproxy.Proxy
	holdStops atomic.Bool // until the sign-out
	signedOut chan struct{}
}

func newSite(t *testing.T) *site { return newSiteWith(t, &chatproxy.Options{}) }

func newSiteWith(t *testing.T, options *chatproxy.Options) *site {
	t.Helper()
	s := &site{signedOut: make(chan struct{})}
	var err error
	s.fake, err = chattest.New(&chattest.Options{Titles: true, Reply: func(turn chattest.Turn) []chattest.Part {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turns = append(s.turns, turn)
		return reply(turn)
	}})
	require.NoError(t, err)
	t.Cleanup(s.fake.Close)
	s.bot, err = chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: chattest.BaseURL, HTTPClient: s.fake.Client()})
	require.NoError(t, err)
	options.Allow = func(context.Context, chatproxy.Visitor) (time.Duration, bool) { return 0, true }
	options.OnError = s.report
	options.Anonymous, options.ContinueAfterSignIn = true, true
	options.Tools = map[string]chatproxy.Tool{"lookUpOrder": {Label: "Looking up your order", Run: s.lookUpOrder}}
	options.PageTools = []string{"showMap", "pickDate", "echo"}
	s.proxy, err = chatproxy.New(s.bot, "a secret of the tests, of 32 bytes", s.visitor, options)
	require.NoError(t, err)
	scripts := bundles(t)
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", s.proxy))
	mux.Handle("/scripts/", http.StripPrefix("/scripts", http.FileServer(http.Dir(scripts))))
	mux.HandleFunc("/{$}", page)
	mux.HandleFunc("/drawn", drawnPage)
	mux.HandleFunc("/guide", guidePage)
	mux.HandleFunc("/component", s.componentPage(t))
	mux.HandleFunc("/about", s.aboutPage)
	mux.HandleFunc("/signed-out", s.aboutPage)
	mux.HandleFunc("POST /sign-out", s.signOut)
	for _, file := range []string{"guide.js", "session.js"} {
		mux.HandleFunc("/"+file, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isStop := r.URL.Path == "/chat/stop"
		if isStop {
			time.Sleep(time.Duration(s.stopDelay.Load()))
			if s.holdStops.Load() {
				<-s.signedOut
			}
		}
		if strings.HasSuffix(r.URL.Path, "/messages") && r.Method == http.MethodGet {
			if mayLoad := s.mayLoad.Swap(nil); mayLoad != nil {
				<-*mayLoad
			}
		}
		if isStop || r.URL.Path == "/sign-out" {
			s.mu.Lock()
			s.visited = append(s.visited, r.URL.Path)
			s.mu.Unlock()
		}
		mux.ServeHTTP(w, r)
		if isStop {
			s.stops.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	s.url, s.cut = server.URL, server.CloseClientConnections
	return s
}

// cookieName returns the name of the visitor's cookie: ports alone do not isolate cookies.
func cookieName(host string) string {
	_, port, _ := strings.Cut(host, ":")
	return "visitor" + port
}

// visitor is a customer who is signed in, or an anonymous session.
func (s *site) visitor(r *http.Request) (chatproxy.Visitor, error) {
	cookie, err := r.Cookie(cookieName(r.Host))
	if err != nil {
		return chatproxy.Visitor{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		return *s.session, nil
	}
	if cookie.Value == anonymous {
		if s.signedIn != "" {
			return chatproxy.Visitor{UserID: s.signedIn, EarlierSession: "a session of the tests"}, nil
		}
		return chatproxy.Visitor{Session: "a session of the tests"}, nil
	}
	return chatproxy.Visitor{UserID: chatclient.UserID(cookie.Value)}, nil
}

// page has the chat of one major, under a policy that allows only scripts of the site.
func page(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: r.FormValue("visitor"), Path: "/", HttpOnly: true})
	w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>useChat</title><link rel="icon" href="data:,">`+
		`<div id="chat" data-body="%s"></div><script src="/chat/chatproxy.js"></script><script type="module" src="/scripts/v%s.js"></script>`,
		r.FormValue("body"), r.FormValue("major"))
}

// signIn signs in the anonymous visitor, or out again with "".
func (s *site) signIn(user chatclient.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signedIn = user
}

// become makes each cookie that of a visitor.
func (s *site) become(v chatproxy.Visitor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = &v
}

// signOut is the handler of the guide, for the sessions of the tests.
func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	leaving, _ := s.visitor(r)
	s.become(chatproxy.Visitor{})
	s.proxy.StopReplies(leaving)
	close(s.signedOut)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
}

func (s *site) report(_ *http.Request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
}

// doneTurns returns the turns of the assistant, in order.
func (s *site) doneTurns() []chattest.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]chattest.Turn(nil), s.turns...)
}

// said returns what the visitors said in each conversation of the service, the newest
// conversation first.
func (s *site) said(t *testing.T) (conversations [][]string) {
	t.Helper()
	for conversation, err := range s.bot.Conversations(t.Context()) {
		require.NoError(t, err)
		var texts []string
		for message, err := range s.bot.Messages(t.Context(), conversation.ID) {
			require.NoError(t, err)
			if message.Role == "user" {
				texts = append(texts, message.Text())
			}
		}
		conversations = append(conversations, texts)
	}
	return conversations
}

// visits returns the paths of stops and sign-outs, in order.
func (s *site) visits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.visited...)
}

// reported returns what OnError got.
func (s *site) reported() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs
}

// history returns the tickets of a customer's messages.
func (s *site) history(t *testing.T, conversation string) (ids []string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/chat/conversations/"+conversation+"/messages", nil)
	require.NoError(t, err)
	r.AddCookie(&http.Cookie{Name: cookieName(r.Host), Value: customer})
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var page struct{ Messages []struct{ ID string } }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&page))
	for _, message := range page.Messages {
		ids = append(ids, message.ID)
	}
	return ids
}

// hold stops the next reply of the service after some events, until release is called.
func (s *site) hold(t *testing.T, events int) (release func()) {
	t.Helper()
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	s.fake.Script(func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			normal.ServeHTTP(&holdingWriter{w, held, events}, r)
		})
	})
	return release
}

type holdingWriter struct {
	http.ResponseWriter
	held   <-chan struct{}
	events int // each is one Write
}

func (w *holdingWriter) Write(event []byte) (int, error) {
	if w.events == 0 {
		<-w.held
	}
	w.events = max(w.events-1, 0)
	return w.ResponseWriter.Write(event)
}

func (w *holdingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
