package faults

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// behaviour is what becomes of a client's connection when its request is there.
// The connection is closed afterwards. ask gives the service's answer.
type behaviour func(client *net.TCPConn, ask func() []byte)

// intact passes the answer on as it is.
func intact(client *net.TCPConn, ask func() []byte) { _, _ = client.Write(ask()) }

// proxy stands on loopback between a client and a service.
type proxy struct {
	url     string
	service *url.URL
	behave  atomic.Value // a behaviour
	open    atomic.Int64 // connections of the client
}

func startProxy(t *testing.T, service string) *proxy {
	t.Helper()
	u, err := url.Parse(service)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{url: "http://" + listener.Addr().String() + u.Path, service: u}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			p.open.Add(1)
			go p.serve(client.(*net.TCPConn))
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return p
}

// serve answers one request, and counts the connection for as long as the client
// keeps its end of it.
func (p *proxy) serve(client *net.TCPConn) {
	defer p.open.Add(-1)
	defer client.Close()
	request, err := http.ReadRequest(bufio.NewReader(client))
	if err != nil {
		return
	}
	p.behave.Load().(behaviour)(client, func() []byte { return p.ask(request) })
	_ = client.CloseWrite()
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, client)
}

// ask passes a request on, and returns each byte of the answer.
func (p *proxy) ask(request *http.Request) []byte {
	var answer bytes.Buffer
	conn, err := net.Dial("tcp", p.service.Host)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_ = request.Write(conn)
	_, _ = io.Copy(&answer, conn) // the request asks it to close
	return answer.Bytes()
}
