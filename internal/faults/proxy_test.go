package faults

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxied is the base URL for the clients of a proxy, in the path of the fakes.
const proxied = "http://localhost/base"

// behaviour handles a client's connection once its request has arrived. The connection is
// closed afterwards. ask returns the service's response.
type behaviour func(client net.Conn, ask func() []byte)

// intact passes the response on unchanged.
func intact(client net.Conn, ask func() []byte) { _, _ = client.Write(ask()) }

// proxy is between a client and a service.
type proxy struct {
	ask    func(*http.Request) []byte // returns the bytes of the service's response
	dial   func(context.Context, string, string) (net.Conn, error)
	behave atomic.Value // a behaviour
	open   atomic.Int64 // connections of the client
}

// onLoopback is a proxy of a service on loopback, there as well.
func onLoopback(t *testing.T, service string) *proxy {
	t.Helper()
	u, err := url.Parse(service)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{
		ask: func(request *http.Request) []byte { return ask(u.Host, request) },
		dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			p.open.Add(1)
			go p.serve(client)
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return p
}

// ofFakeTime is a proxy in a bubble of testing/synctest, where it and its client
// have pipes for connections. It returns a recorded response.
func ofFakeTime(response []byte) *proxy {
	p := &proxy{ask: func(*http.Request) []byte { return response }}
	p.dial = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		p.open.Add(1)
		go p.serve(theirs)
		return ours, nil
	}
	return p
}

// client has a connection for each request, so that it is plain whose is left.
func (p *proxy) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.dial}}
}

// serve responds to one request, and counts the connection as open until the client
// closes its end.
func (p *proxy) serve(client net.Conn) {
	defer p.open.Add(-1)
	defer client.Close()
	request, err := http.ReadRequest(bufio.NewReader(client))
	if err != nil {
		return
	}
	p.behave.Load().(behaviour)(client, func() []byte { return p.ask(request) })
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
		untilGone(client)
	}
}

func untilGone(client net.Conn) { _, _ = io.Copy(io.Discard, client) }

func ask(service string, request *http.Request) []byte {
	var response bytes.Buffer
	conn, err := net.Dial("tcp", service)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_ = request.Write(conn)
	_, _ = io.Copy(&response, conn) // the request asks it to close
	return response.Bytes()
}
