package main

import (
    "bytes"
    "encoding/json"
    "fmt"
    "net/http"
)

type RatchetClient struct {
    BaseURL string
    Client  *http.Client
}

func NewRatchetClient(baseURL string) *RatchetClient {
    return &RatchetClient{
        BaseURL: baseURL,
        Client:  &http.Client{},
    }
}

func (c *RatchetClient) ExecuteTask(taskID string, input map[string]interface{}) (map[string]interface{}, error) {
    url := fmt.Sprintf("%s/api/v1/tasks/%s/execute", c.BaseURL, taskID)
    
    payload := map[string]interface{}{"input": input}
    jsonData, err := json.Marshal(payload)
    if err != nil {
        return nil, err
    }
    
    resp, err := c.Client.Post(url, "application/json", bytes.NewBuffer(jsonData))
    if err != nil {
        return nil, err
    }
    defer resp.Body.Close()
    
    var result map[string]interface{}
    err = json.NewDecoder(resp.Body).Decode(&result)
    return result, err
}
