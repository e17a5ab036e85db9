SELECT name AS connection, connector, kind
FROM connections
