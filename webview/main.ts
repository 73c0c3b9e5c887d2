import '@vscode/codicons/dist/codicon.css';

document.body.textContent = 'Subnet Studio';
