SELECT
    connections.name || ':' || returns.return_id || ':' || return_lines.line_id AS return_key,
    connections.name || ':' || orders.external_id AS order_key,
    return_lines.line_id,
    return_lines.quantity,
    returns.reason,
    returns.state,
    returns.created_at AS returned_at
FROM return_lines
JOIN returns ON returns.order_id = return_lines.order_id AND returns.no = return_lines.return_no
JOIN orders ON orders.id = return_lines.order_id
JOIN connections ON connections.id = orders.connection_id
