package chaos

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/coretasks/core/internal/faultproxy"
)

// A watcher notes what passes the proxy: which messages carry a job, when they are deleted, what is sent to a dead-letter
// queue. It sees what the endpoint has answered, even where the answer is lost on its way.
type watcher struct {
	mu       sync.Mutex
	handles  map[string]string              // receipt handle: job
	messages map[string]map[string]struct{} // job: its messages' IDs
	letters  map[string]time.Time           // job: when its first dead letter was sent
	again    map[string]time.Time           // job: when a message of it was first sent again, to come later
	deletes  []deletion
}

// A deletion is a request to delete a message of a job.
type deletion struct {
	job string
	at  time.Time
}

func newWatcher() *watcher {
	return &watcher{handles: map[string]string{}, messages: map[string]map[string]struct{}{}, letters: map[string]time.Time{}, again: map[string]time.Time{}}
}

// jobOf is the job's ID in a body, or the body itself where it is no envelope.
func jobOf(body string) string {
	var envelope struct {
		ID string `json:"id"`
	}
	if json.Unmarshal([]byte(body), &envelope) != nil || envelope.ID == "" {
		return body
	}
	return envelope.ID
}

// see is told of each exchange.
func (w *watcher) see(x faultproxy.Exchange) {
	switch x.Operation {
	case "ReceiveMessage":
		var answer struct {
			Messages []struct{ MessageId, ReceiptHandle, Body string }
		}
		if json.Unmarshal(x.Answer, &answer) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, m := range answer.Messages {
			job := jobOf(m.Body)
			w.handles[m.ReceiptHandle] = job
			if w.messages[job] == nil {
				w.messages[job] = map[string]struct{}{}
			}
			w.messages[job][m.MessageId] = struct{}{}
		}
	case "DeleteMessageBatch":
		var request struct {
			Entries []struct{ ReceiptHandle string }
		}
		if json.Unmarshal(x.Request, &request) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range request.Entries {
			w.deletes = append(w.deletes, deletion{w.handles[e.ReceiptHandle], x.Arrived})
		}
	case "SendMessageBatch":
		w.sent(x)
	}
}

// sent notes the dead letters that were accepted, and the messages that were sent again by who had received them.
func (w *watcher) sent(x faultproxy.Exchange) {
	var request struct {
		QueueUrl string
		Entries  []struct{ Id, MessageBody string }
	}
	var answer struct{ Successful []struct{ Id string } }
	if json.Unmarshal(x.Request, &request) != nil || json.Unmarshal(x.Answer, &answer) != nil {
		return
	}
	noted, ours := w.again, func(job string) bool { return w.messages[job] != nil }
	if strings.HasSuffix(request.QueueUrl, "-dlq") {
		noted, ours = w.letters, func(string) bool { return true }
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range request.Entries {
		for _, ok := range answer.Successful {
			if job := jobOf(e.MessageBody); ok.Id == e.Id && ours(job) {
				if _, earlier := noted[job]; !earlier {
					noted[job] = now
				}
			}
		}
	}
}
