package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// apiTimeout is how long a client waits for the HTTP API, whose own requests to SQS may take as long.
const apiTimeout = 30 * time.Second

// overHTTP is by the HTTP API, as a client in another language has it.
func (p *producer) overHTTP() way {
	return way{
		send: func(ctx context.Context, id string, what params, countdown time.Duration) error {
			body, err := json.Marshal(what)
			if err != nil {
				return err
			}
			query := url.Values{"job_id": {id}, "countdown": {countdown.String()}}
			_, err = p.post(ctx, "/tasks/"+p.tasks.of(what.Kind).Info().Name+"?"+query.Encode(), body)
			return err
		},
		cancel: func(ctx context.Context, id string) (results.State, error) {
			answer, err := p.post(ctx, "/jobs/"+id+"/cancel", nil)
			if err != nil {
				return "", err
			}
			var record results.Record
			err = json.Unmarshal(answer, &record)
			return record.State, err
		},
	}
}

// post makes a request of which either a 202 comes back or an error, which is of unknown outcome unless the answer, or the lack
// of a connection, says that nothing was done.
func (p *producer) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.api+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, err
	case err != nil:
		return nil, errors.Join(err, tasks.ErrUnknownOutcome)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, errors.Join(err, tasks.ErrUnknownOutcome)
	}
	if response.StatusCode == http.StatusAccepted {
		return answer, nil
	}
	var problem struct{ Type, Detail string }
	err = fmt.Errorf("%s: %.200s", response.Status, answer)
	if json.Unmarshal(answer, &problem) != nil || strings.HasSuffix(problem.Type, ":unknown-outcome") {
		err = errors.Join(err, tasks.ErrUnknownOutcome)
	}
	return nil, err
}

// follow reads a job's events to their end, or as far as they come.
func (p *producer) follow(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+"/jobs/"+id+"/events", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body) // a stream may be cut
	_ = response.Body.Close()
}
