package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chatident/chatident/examples/internal/standin"
)

// site is the shop on one listener and the vendors' stand-ins on another.
type site struct {
	db       *sql.DB
	shop     *shop
	megadesk *standin.Megadesk
	ainisa   *standin.Ainisa
	bookbag  *standin.Bookbag // not used with the real one
	evil     *standin.Evil

	shopListener, vendorListener net.Listener
	url                          string // of the shop
	loopback                     bool   // whether only this machine can reach it
}

// open opens the listeners and the database. The caller must call close.
func open(cfg config) (_ *site, err error) {
	s := &site{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.shopListener, err = net.Listen("tcp", cfg.addr); err != nil {
		return nil, fmt.Errorf("%w (choose another address: -addr 127.0.0.1:0 takes a free port)", err)
	}
	if s.vendorListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.url = s.shopURL()
	if s.db, err = openDB(context.Background(), cfg.db, cfg.passwordCost); err != nil {
		return nil, err
	}
	s.bookbag = standin.NewBookbag()
	if s.shop, err = newShop(cfg, s.db, s.vendorURL(), s.connect(cfg)); err != nil {
		return nil, err
	}
	s.ainisa = standin.NewAinisa(cfg.ainisaSecret, standin.CustomAction{URL: s.url + ordersPath, Header: actionHeader, Key: cfg.ainisaActionKey})
	s.evil = standin.NewEvil(s.url)
	s.megadesk, err = standin.NewMegadesk(cfg.megadeskSecret)
	return s, err
}

// shopURL returns the URL of the shop as a browser writes it. The host is never localhost,
// which is the host of the vendors' stand-ins: to a browser, two ports of a host are the
// same site, but 127.0.0.1 and localhost are two sites, like a shop and its vendors.
func (s *site) shopURL() string {
	listened := s.shopListener.Addr().(*net.TCPAddr)
	s.loopback = listened.IP.IsLoopback()
	host := listened.IP.String()
	if listened.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	if listened.Port != 80 {
		return "http://" + net.JoinHostPort(host, strconv.Itoa(listened.Port))
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "http://" + host
}

func (s *site) vendorURL() string {
	return fmt.Sprintf("http://localhost:%d", s.vendorListener.Addr().(*net.TCPAddr).Port)
}

// connect returns the Bookbag that the shop calls: the real one or the stand-in.
func (s *site) connect(cfg config) bookbag {
	if cfg.bookbagKey != "" {
		return bookbag{key: cfg.bookbagKey, agent: cfg.bookbagAgent}
	}
	return bookbag{
		baseURL: "http://" + s.vendorListener.Addr().String(),
		key:     s.bookbag.Key,
		agent:   s.bookbag.Agent,
	}
}

func (s *site) printWelcome(out io.Writer) {
	fmt.Fprintf(out, "The shop is open at %s (Ctrl-C stops it).\n", s.url)
	fmt.Fprintln(out, "Sign in as ada, grace or mallory; the password is the user name.")
	if agent := s.shop.cfg.bookbagAgent; agent != 0 {
		fmt.Fprintf(out, "This is the real Bookbag: customers who sign in become contacts of agent %d, and messages cost credits.\n", agent)
	}
	if !s.loopback {
		fmt.Fprintln(out, "Warning: other machines can reach this address, over plain HTTP and with these passwords.\n"+
			"The vendors' stand-ins are reachable from this machine only.")
	}
}

// serve serves until ctx ends. It then waits up to five seconds for requests to finish.
func (s *site) serve(ctx context.Context) error {
	vendors := http.NewServeMux()
	vendors.Handle("/megadesk/", s.megadesk)
	vendors.Handle("/ainisa/", s.ainisa)
	vendors.Handle("/api/", s.bookbag)
	vendors.Handle("/evil/", s.evil)
	vendorServer := newServer(vendors)
	vendorServer.WriteTimeout = 0 // a streamed reply may take long
	servers := map[net.Listener]*http.Server{
		s.shopListener:   newServer(s.oneHost(s.shop.handler)),
		s.vendorListener: vendorServer,
	}
	failed := make(chan error, len(servers))
	for l, server := range servers {
		go func() { failed <- server.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var stopping sync.WaitGroup
	for _, server := range servers {
		stopping.Go(func() {
			if server.Shutdown(ctx) != nil {
				_ = server.Close() // after five seconds, requests are cut off
			}
		})
	}
	stopping.Wait()
	return err
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// oneHost redirects requests for another name of this machine to the URL of the shop,
// because the vendors' stand-ins must be another site.
func (s *site) oneHost(next http.Handler) http.Handler {
	if !s.loopback {
		return next
	}
	own := strings.TrimPrefix(s.url, "http://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == own:
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			w.Header().Set("Cache-Control", "no-store")
			// Only the path and the query of the request: a target such as
			// x:@evil.example/ in s.url+RequestURI() would change the host.
			target := url.URL{Scheme: "http", Host: own, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
		default:
			http.Error(w, "The shop is at "+s.url+".", http.StatusMisdirectedRequest)
		}
	})
}

func (s *site) close() {
	if s.shop != nil {
		s.shop.store.StopCleanup()
	}
	for _, l := range []net.Listener{s.shopListener, s.vendorListener} {
		if l != nil {
			_ = l.Close() // the server may have closed it already
		}
	}
	if s.db != nil {
		_ = s.db.Close()
	}
}
