package emulator

import (
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// address is what a QueueUrl says of a queue.
type address struct {
	account string // "": the one account that there is
	name    string
}

// parseAddress reads a QueueUrl, whatever its host: the last two parts of its path are account and name. A text without a
// slash is a name, which SQS takes as well.
func parseAddress(queueURL string) (address, error) {
	if !strings.Contains(queueURL, "/") {
		return address{name: queueURL}, nil
	}
	path, err := pathOf(queueURL)
	if err != nil {
		return address{}, faultAddress(queueURL)
	}
	path = strings.Trim(path, "/")
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 {
		return address{}, faultAddress(queueURL)
	}
	return address{account: path[strings.LastIndexByte(path[:cut], '/')+1 : cut], name: path[cut+1:]}, nil
}

// pathOf is the path of a URL. Those that SQS gives out have nothing in them that has to be decoded, and each request names one.
func pathOf(text string) (string, error) {
	if _, rest, ok := strings.Cut(text, "://"); ok && !strings.ContainsAny(rest, "%?#") {
		_, path, _ := strings.Cut(rest, "/")
		return path, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	return u.Path, nil
}

// find gives the queue of a QueueUrl; e.mu is held.
func (e *Emulator) find(queueURL *string) (*queue, error) {
	if aws.ToString(queueURL) == "" {
		return nil, faultMissing("QueueUrl")
	}
	a, err := parseAddress(*queueURL)
	if err != nil {
		return nil, err
	}
	q := e.queues[a.name]
	if q == nil || a.account != "" && a.account != e.cfg.AccountID {
		return nil, faultQueueDoesNotExist()
	}
	return q, nil
}
