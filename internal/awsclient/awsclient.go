// Package awsclient has the HTTP client that the project's clients of AWS share: it keeps connections for many small
// concurrent requests, and loses no answer.
package awsclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// HTTP returns the client for a service's options. One of the SDK's kind, or nil, which stands for it, is set up for many
// concurrent requests of which none may take longer than timeout. Any other is the caller's, and keeps its settings.
func HTTP(configured aws.HTTPClient, timeout time.Duration) aws.HTTPClient {
	return plainBodies{setUp(configured, timeout)}
}

func setUp(configured aws.HTTPClient, timeout time.Duration) aws.HTTPClient {
	client, ok := configured.(*awshttp.BuildableClient)
	switch {
	case configured == nil:
		client = awshttp.NewBuildableClient()
	case !ok:
		return configured
	}
	return client.
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = 512
			t.MaxIdleConnsPerHost = 256
			t.IdleConnTimeout = 2 * time.Minute
		})
}

// plainBodies sends each request's body as bytes in memory.
//
// The SDK's own body type is closed as soon as the answer's header is there, and net/http can take what the closed body
// says for a failed write: it then closes the connection while the answer is being read. The SDK repeats the request: a
// receive whose answer was lost leaves its messages hidden for a visibility timeout, a send makes its jobs twice, and a
// conditional write meets what it has itself written.
type plainBodies struct{ client aws.HTTPClient }

// Do implements aws.HTTPClient.
func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return p.client.Do(r)
}
